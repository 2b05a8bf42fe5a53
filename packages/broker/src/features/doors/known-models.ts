/** The models that the servers behind this broker have, for clients that ask before they send. */
import type { Aliases } from '../models/models.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

export interface KnownModels {
  /** Of the servers that answer, each once, with the aliases of those. */
  names(): string[];
  /** False only when servers answer and none of them has it. */
  mayHave(model: string): boolean;
  /** Those that were used here and whose server answers. */
  loaded(): string[];
  /** The oldest version among the servers, as far as known. */
  version(): string;
}

export function createKnownModels(
  upstreams: Pick<Upstreams, 'states'>,
  keyOfModel: (name: string) => string,
  aliases: Pick<Aliases, 'modelOf' | 'known'>,
): KnownModels {
  const up = () => upstreams.states().filter(({ status }) => status === 'up');
  const names = (): string[] => {
    const found = new Map<string, string>();
    for (const { models } of up()) for (const name of models) found.set(keyOfModel(name), name);
    const served = aliases.known().filter(({ model }) => found.has(keyOfModel(model)));
    for (const { alias } of served) found.set(keyOfModel(alias), alias);
    return [...found.values()].sort();
  };
  return {
    names,
    mayHave: (name) => {
      const key = keyOfModel(aliases.modelOf(name));
      return up().length === 0 || up().some(({ models }) => models.some((one) => keyOfModel(one) === key));
    },
    loaded: () => {
      const used = new Set(up().flatMap(({ byModel }) => byModel.map(({ model }) => model)));
      return names().filter((name) => used.has(keyOfModel(name)));
    },
    version: () => {
      const versions = up().flatMap(({ version }) => (version === undefined ? [] : [version]));
      const [oldest] = versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
      return oldest ?? '0.0.0';
    },
  };
}
