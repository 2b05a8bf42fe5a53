/** Aliases: other names of models that clients may ask for, in force here at once and everywhere within a second. */
import type { Clock } from '../../kernel/clock.ts';
import type { ModelAlias } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import { FOLLOW_EVERY_MS, rowsInForce } from '../../kernel/rows-in-force.ts';
import type { Service } from '../../kernel/service.ts';
import type { AliasStore, StoredAlias } from './alias-store.ts';

/** Also the service that follows what other brokers write. */
export interface Aliases extends Service {
  /** The model that is meant; the name itself when it is no alias. One step: an alias never stands for an alias. */
  modelOf(name: string): string;
  /** As they are in force here, with the models that they stand for. */
  known(): readonly Pick<StoredAlias, 'alias' | 'model'>[];

  list(): Promise<ModelAlias[]>;
  /** Not_found when there is none of this name. */
  get(alias: string): Promise<ModelAlias>;
  set(alias: string, model: string): Promise<ModelAlias>;
  remove(alias: string): Promise<ModelAlias>;
}

export interface AliasesDeps {
  readonly store: AliasStore;
  /** The same for all spellings of one name. */
  readonly keyOfModel: (name: string) => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createAliases({ store, keyOfModel, clock, logger }: AliasesDeps): Aliases {
  let byKey = new Map<string, StoredAlias>();
  const { reload, changed } = rowsInForce(
    () => store.all(),
    (all) => {
      byKey = new Map(all.map((one) => [keyOfModel(one.alias), one]));
    },
  );

  async function find(alias: string): Promise<StoredAlias | undefined> {
    return (await store.all()).find((one) => keyOfModel(one.alias) === keyOfModel(alias));
  }

  async function stored(alias: string): Promise<StoredAlias> {
    const found = await find(alias);
    if (!found) throw fail('not_found', { detail: 'There is no such alias.' });
    return found;
  }

  async function set(alias: string, model: string): Promise<ModelAlias> {
    if (keyOfModel(alias) === keyOfModel(model)) throw wrong('must be another name than the alias');
    const all = await store.all();
    const of = (name: string) => all.find((one) => keyOfModel(one.alias) === keyOfModel(name));
    const before = of(alias);
    if (of(model)) throw wrong('must be a model, and is an alias');
    if (all.some((one) => keyOfModel(one.model) === keyOfModel(alias)))
      throw wrong('cannot be given to a name that other aliases stand for');
    if (before) await store.change(before.alias, model);
    else await store.insert({ alias, model, createdAt: clock.now() });
    await changed();
    logger.info({ alias, was: before?.model ?? null, is: model }, 'alias of a model set by an operator');
    return toWire(await stored(alias));
  }

  async function remove(alias: string): Promise<ModelAlias> {
    const found = await stored(alias);
    await store.remove(found.alias);
    await changed();
    logger.info({ alias: found.alias, was: found.model }, 'alias of a model removed by an operator');
    return toWire(found);
  }

  const failed = (error: unknown): void =>
    logger.warn({ err: error }, 'reading aliases failed; what was known holds');
  const ticker = every('reload aliases', FOLLOW_EVERY_MS, reload, failed);

  return {
    name: 'aliases',
    start: async () => {
      await reload().catch(failed);
      await ticker.start();
    },
    stop: () => ticker.stop(),
    modelOf: (name) => byKey.get(keyOfModel(name))?.model ?? name,
    known: () => [...byKey.values()],
    list: async () => (await store.all()).map(toWire),
    get: async (alias) => toWire(await stored(alias)),
    ...{ set, remove },
  };
}

function toWire({ alias, model, createdAt }: StoredAlias): ModelAlias {
  return { alias, model, created_at: new Date(createdAt).toISOString() };
}

function wrong(detail: string) {
  return fail('validation_failed', {
    detail: `The model ${detail}.`,
    errors: [{ pointer: '/model', detail }],
  });
}
