/** The models a simulated server has installed. */
import { hash } from 'node:crypto';
import { canonicalModelName, EMBEDDING_LENGTH } from './answers.ts';
import type { SimulatedModel } from './settings.ts';

export interface ModelDetails {
  parent_model: string;
  format: string;
  family: string;
  families: string[];
  parameter_size: string;
  quantization_level: string;
}

/** One model with everything that the routes tell about it. */
export interface InstalledModel {
  /** With its tag; the key of everything that is kept by model. */
  name: string;
  given: SimulatedModel;
  contextLength: number;
  thinking: boolean;
  embedding: boolean;
  remoteHost: string | undefined;
  sizeBytes: number;
  sizeVramBytes: number;
  digest: string;
  modifiedAt: string;
  details: ModelDetails;
  capabilities: string[];
}

export interface Catalogue {
  find(name: string): InstalledModel | undefined;
  list(): InstalledModel[];
  add(model: SimulatedModel): void;
  remove(name: string): void;
  replace(models: readonly SimulatedModel[]): void;
}

const DEFAULT_CONTEXT_LENGTH = 8_192;
const DEFAULT_SIZE_BYTES = 4_000_000_000;
/** The share of a model that fits the simulated graphics card, unless the model says otherwise. */
const VRAM_SHARE = 0.8;
const MODIFIED_AT = '2026-01-15T10:30:00.123456789Z';

export function createCatalogue(models: readonly SimulatedModel[]): Catalogue {
  const installed = new Map<string, InstalledModel>();

  const add = (model: SimulatedModel) => {
    const complete = install(model);
    installed.set(complete.name, complete);
  };
  const replace = (list: readonly SimulatedModel[]) => {
    installed.clear();
    list.forEach(add);
  };
  replace(models);

  return {
    find: (name) => installed.get(canonicalModelName(name)),
    list: () => [...installed.values()],
    add,
    remove: (name) => void installed.delete(canonicalModelName(name)),
    replace,
  };
}

/** The names that Ollama passes to its makers' cloud, whether installed or not. */
export function isCloudName(name: string): boolean {
  return /[:-]cloud$/i.test(name);
}

/** What Ollama accepts as a model's name: parts of letters, digits, `_`, `-` and `.`, joined by `/`, then `:tag`. */
export function isModelName(name: string): boolean {
  return /^(?:[a-z0-9_][\w.:-]*\/){0,2}[a-z0-9_][\w.-]*(?::[a-z0-9_][\w.-]*)?$/i.test(name);
}

function install(given: SimulatedModel): InstalledModel {
  const name = canonicalModelName(given.name);
  const [base = name, tag = ''] = name.slice(name.lastIndexOf('/') + 1).split(':');
  const family = given.embedding ? `${base.replace(/-embed.*$/, '')}-bert` : base;
  const sizeBytes = given.remoteHost ? 0 : (given.sizeBytes ?? DEFAULT_SIZE_BYTES);
  return {
    name,
    given,
    contextLength: given.contextLength ?? DEFAULT_CONTEXT_LENGTH,
    thinking: given.thinking ?? false,
    embedding: given.embedding ?? false,
    remoteHost: given.remoteHost,
    sizeBytes,
    sizeVramBytes: given.sizeVramBytes ?? Math.floor(sizeBytes * VRAM_SHARE),
    digest: hash('sha256', name, 'hex'),
    modifiedAt: MODIFIED_AT,
    details: {
      parent_model: '',
      format: given.remoteHost ? '' : 'gguf',
      family,
      families: [family],
      parameter_size: /^\d+(\.\d+)?b/.exec(tag)?.[0].toUpperCase() ?? '137M',
      quantization_level: given.embedding ? 'F16' : 'Q4_K_M',
    },
    capabilities: given.embedding
      ? ['embedding']
      : ['completion', 'tools', ...(given.thinking ? ['thinking'] : [])],
  };
}

/** The keys of `model_info` that clients read. */
export function modelInfo(model: InstalledModel): Record<string, unknown> {
  const { family } = model.details;
  return {
    'general.architecture': family,
    'general.file_type': 15,
    'general.parameter_count': model.sizeBytes * 2,
    [`${family}.context_length`]: model.contextLength,
    [`${family}.embedding_length`]: model.embedding ? EMBEDDING_LENGTH : 4_096,
  };
}
