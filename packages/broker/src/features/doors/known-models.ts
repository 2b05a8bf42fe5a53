/** The models that the servers behind this broker have, for clients that ask before they send. */
import type { Aliases } from '../models/models.ts';
import type { Json, Upstreams } from '../upstreams/upstreams.ts';

export interface KnownModels {
  /** Of the servers that answer, each once, as Ollama lists them, with the aliases of those. */
  list(): DescribedModel[];
  /** That of this name, however it is spelled. */
  find(name: string): DescribedModel | undefined;
  /** The model that a name stands for; itself when it is no alias. */
  modelOf(name: string): string;
  /** False only when servers answer and none of them has it. */
  mayHave(model: string): boolean;
  /** Those that are in memory somewhere, each once, as Ollama lists them. */
  loaded(): DescribedModel[];
  /** All there is to say of one, but what names places on its server; null while no server says it. */
  show(model: string): Promise<Json | null>;
  /** The oldest version among the servers, as far as known. */
  version(): string;
}

export interface DescribedModel extends Json {
  readonly name: string;
}

/** A modelfile names files of its server; tensors and the like are nobody's need. */
const SHOWN = [
  ...['license', 'parameters', 'template', 'system', 'details', 'model_info', 'projector_info'],
  ...['capabilities', 'modified_at'],
];

export function createKnownModels(
  upstreams: Pick<Upstreams, 'states' | 'known' | 'mayHave' | 'show'>,
  keyOfModel: (name: string) => string,
  aliases: Pick<Aliases, 'modelOf' | 'known'>,
): KnownModels {
  const up = () => upstreams.states().filter(({ status }) => status === 'up');
  const once = (models: readonly DescribedModel[]): DescribedModel[] => {
    const found = new Map(models.map((one) => [keyOfModel(one.name), one]));
    return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  };
  const withAliases = (models: readonly DescribedModel[]): DescribedModel[] => {
    const others = aliases.known().flatMap(({ alias, model }) => {
      const meant = models.find(({ name }) => keyOfModel(name) === keyOfModel(model));
      return meant ? [{ ...meant, name: alias, model: alias }] : [];
    });
    return once([...models, ...others]);
  };
  const list = (): DescribedModel[] =>
    withAliases(
      upstreams.known().flatMap(({ installed }) =>
        installed.map(({ name, sizeBytes, modifiedAt, digest, details, capabilities }) => ({
          ...{ name, model: name, modified_at: modifiedAt, size: sizeBytes, digest, details },
          ...(capabilities && { capabilities }),
        })),
      ),
    );
  return {
    modelOf: (name) => aliases.modelOf(name),
    list,
    find: (name) => list().find((one) => keyOfModel(one.name) === keyOfModel(name)),
    mayHave: (name) => upstreams.mayHave(aliases.modelOf(name)),
    loaded: () =>
      once(
        upstreams.known().flatMap(({ resident }) =>
          resident.map(({ name, sizeBytes, vramBytes, contextLength, expiresAt, digest, details }) => ({
            ...{ name, model: name, size: sizeBytes, digest, details },
            ...{ expires_at: expiresAt, size_vram: vramBytes, context_length: contextLength },
          })),
        ),
      ),
    show: async (model) => {
      const shown = await upstreams.show(aliases.modelOf(model));
      const fields = SHOWN.map((name) => [name, shown?.[name]] as const);
      return (
        shown && {
          modelfile: '',
          ...Object.fromEntries(fields.filter(([, value]) => value !== undefined && value !== null)),
        }
      );
    },
    version: () => {
      const versions = up().flatMap(({ version }) => (version === undefined ? [] : [version]));
      const [oldest] = versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
      return oldest ?? '0.0.0';
    },
  };
}
