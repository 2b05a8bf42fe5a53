/** What a simulation can be told, at its start or while it runs, and the check of what a stranger tells it. */
import { DEFAULT_ANSWER_TOKENS, DEFAULT_SEED } from './answers.ts';
import type { FaultPatch } from './faults.ts';
import { FAULTS, isFaultName } from './faults.ts';

/** A model that is installed; what is left out comes from the simulation's settings. */
export interface SimulatedModel {
  name: string;
  loadMs?: number;
  tokensPerSecond?: number;
  firstTokenMs?: number;
  /** What the model was trained for: the most that num_ctx can be. */
  contextLength?: number;
  /** It can think, and does so unless told otherwise. */
  thinking?: boolean;
  embedding?: boolean;
  /** Makes it a model that this server only passes on to that host. */
  remoteHost?: string;
  sizeBytes?: number;
  sizeVramBytes?: number;
}

export interface Settings {
  /** OLLAMA_NUM_PARALLEL; embedding models always have 1. */
  slots: number;
  /** OLLAMA_MAX_QUEUE: how many calls may wait for a model that is not loaded. */
  maxQueue: number;
  /** OLLAMA_MAX_LOADED_MODELS. */
  maxLoaded: number;
  /** 0: all tokens at once. */
  tokensPerSecond: number;
  /** The evaluation of the prompt; nothing interrupts it. */
  firstTokenMs: number;
  loadMs: number;
  /** Length of an answer that num_predict does not cut. */
  answerTokens: number;
  seed: number;
  /** Calls stop before their first token, in their slots, until this is false again. */
  held: boolean;
  /** New calls find their connection destroyed; /_simulate still answers. */
  down: boolean;
  /** Before every route but /_simulate. */
  answerDelayMs: number;
  /** How much longer the slot of a caller who left stays taken. */
  cancelKeepsSlotMs: number;
  /** Of the fault slow_tokens. */
  slowTokenMs: number;
  /** Of the fault too_large. */
  tooLargeBytes: number;
  /** OLLAMA_NO_CLOUD. */
  cloudDisabled: boolean;
}

export type SimulationPatch = Partial<Settings> & {
  /** Replaces the list of installed models. */
  models?: readonly SimulatedModel[];
  /** Names of installed models that are loaded at once. */
  loaded?: readonly string[];
  faults?: FaultPatch;
};

export const DEFAULT_SETTINGS: Readonly<Settings> = Object.freeze({
  slots: 1,
  maxQueue: 512,
  maxLoaded: 3,
  tokensPerSecond: 0,
  firstTokenMs: 0,
  loadMs: 0,
  answerTokens: DEFAULT_ANSWER_TOKENS,
  seed: DEFAULT_SEED,
  held: false,
  down: false,
  answerDelayMs: 0,
  cancelKeepsSlotMs: 0,
  slowTokenMs: 1_000,
  tooLargeBytes: 32 * 1024 * 1024,
  cloudDisabled: false,
});

export const DEFAULT_MODELS: readonly SimulatedModel[] = Object.freeze([
  { name: 'llama3:8b', contextLength: 8_192, sizeBytes: 4_661_224_676 },
  { name: 'gemma2:2b', contextLength: 8_192, sizeBytes: 1_629_518_495 },
  { name: 'qwen3:8b', contextLength: 40_960, sizeBytes: 5_225_388_164, thinking: true },
  { name: 'nomic-embed-text', contextLength: 2_048, sizeBytes: 274_302_450, embedding: true },
]);

type Check = (value: unknown) => string | undefined;

const MAX_DELAY_MS = 2_147_483_647;
const delay = number(0, MAX_DELAY_MS);
const count = (least: number) => number(least, 1_000_000, 'whole');

const MODEL_CHECKS: Record<keyof SimulatedModel, Check> = {
  name: (value) => (typeof value === 'string' && value !== '' ? undefined : 'must be a name'),
  loadMs: delay,
  tokensPerSecond: number(0, 1_000_000),
  firstTokenMs: delay,
  contextLength: number(4, 100_000_000, 'whole'),
  thinking: boolean,
  embedding: boolean,
  remoteHost: (value) => (typeof value === 'string' ? undefined : 'must be an address'),
  sizeBytes: number(0, Number.MAX_SAFE_INTEGER, 'whole'),
  sizeVramBytes: number(0, Number.MAX_SAFE_INTEGER, 'whole'),
};

const FAULT_CHECKS: Record<keyof FaultPatch, Check> = {
  next: each((entry) => fields({ fault, times: count(1) }, ['fault'])(entry)),
  all: (value) => (value === null ? undefined : fault(value)),
  probability: (value) => {
    const problem = fields(Object.fromEntries(Object.keys(FAULTS).map((name) => [name, number(0, 1)])))(
      value,
    );
    if (problem) return problem;
    const sum = Object.values(value as object).reduce((total, chance) => total + chance, 0);
    return sum > 1 ? `must together be at most 1, not ${sum}` : undefined;
  },
};

const PATCH_CHECKS: Record<keyof SimulationPatch, Check> = {
  slots: count(1),
  maxQueue: count(0),
  maxLoaded: count(1),
  tokensPerSecond: number(0, 1_000_000),
  firstTokenMs: delay,
  loadMs: delay,
  answerTokens: count(1),
  seed: number(0, 4_294_967_295, 'whole'),
  held: boolean,
  down: boolean,
  answerDelayMs: delay,
  cancelKeepsSlotMs: delay,
  slowTokenMs: delay,
  tooLargeBytes: number(1, 1024 ** 3, 'whole'),
  cloudDisabled: boolean,
  models: each(fields(MODEL_CHECKS, ['name'])),
  loaded: each((value) => (typeof value === 'string' ? undefined : 'must be a name')),
  faults: fields(FAULT_CHECKS),
};

/** What is wrong with a patch, in words that say where; nothing when it is right. */
export const problemOfPatch: Check = fields(PATCH_CHECKS);

function number(least: number, most: number, kind: 'whole' | 'any' = 'any'): Check {
  const wanted = `must be a ${kind === 'whole' ? 'whole ' : ''}number from ${least} to ${most}`;
  return (value) =>
    typeof value === 'number' &&
    value >= least &&
    value <= most &&
    (kind === 'any' || Number.isInteger(value))
      ? undefined
      : wanted;
}

function boolean(value: unknown): string | undefined {
  return typeof value === 'boolean' ? undefined : 'must be true or false';
}

function fault(value: unknown): string | undefined {
  return isFaultName(value) ? undefined : `must be one of ${Object.keys(FAULTS).join(', ')}`;
}

function each(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return 'must be a list';
    for (const [index, item] of value.entries()) {
      const problem = check(item);
      if (problem) return `[${index}]${separated(problem)}`;
    }
    return undefined;
  };
}

function fields(checks: Record<string, Check>, required: readonly string[] = []): Check {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object';
    const given = Object.entries(value).filter(([, part]) => part !== undefined);
    for (const [name, part] of given) {
      if (!Object.hasOwn(checks, name))
        return `has no field "${name}"; there are ${Object.keys(checks).join(', ')}`;
      const problem = checks[name]!(part);
      if (problem) return `.${name}${separated(problem)}`;
    }
    const missing = required.find((name) => !given.some(([givenName]) => givenName === name));
    return missing ? `.${missing} is missing` : undefined;
  };
}

/** Joins a place and what is wrong there: `.faults` + `.all must be …`, `.slots` + ` must be …`. */
function separated(problem: string): string {
  return /^[.[]/.test(problem) ? problem : ` ${problem}`;
}
