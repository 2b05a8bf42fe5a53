/** What operators do to upstreams: written to the database, in force here once that is committed, elsewhere within a second. */
import type { Clock } from '../../kernel/clock.ts';
import type { CreateUpstream, UpdateUpstream, Upstream } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import { FOLLOW_EVERY_MS, rowsInForce } from '../../kernel/rows-in-force.ts';
import type { Service } from '../../kernel/service.ts';
import { SLOTS } from './adapt-slots.ts';
import { upstreamUrl } from './configured-upstreams.ts';
import type { StoredUpstream, UpstreamChange, UpstreamStore } from './upstream-store.ts';
import type { DispatchedUpstream, Upstreams } from './upstreams.ts';
import { hostAndPort } from './watch-upstream.ts';

/** What an operator can switch at every upstream, wherever it comes from. */
export type UpstreamSwitch = Pick<UpstreamChange, 'isEnabled' | 'isDraining' | 'breaker'>;

/** What an operator has decided about an upstream; how it is at the moment is not part of it. */
export type Decided = Pick<
  DispatchedUpstream,
  'id' | 'url' | 'source' | 'slots' | 'isEnabled' | 'isDraining' | 'breaker'
>;

/** Also the service that follows what other brokers write. */
export interface UpstreamRegistry extends Service {
  list(): Upstream[];
  get(id: string): Upstream;
  /** As it is stored, also what is not committed yet where that is being written. */
  decided(id: string): Promise<Decided>;
  /** Answers once the new upstream was probed. */
  add(input: CreateUpstream): Promise<Upstream>;
  update(id: string, input: UpdateUpstream): Promise<Upstream>;
  switch(id: string, change: UpstreamSwitch): Promise<Upstream>;
  /** Calls that run there end normally; then it is forgotten. */
  remove(id: string): Promise<Upstream>;
}

export interface UpstreamRegistryDeps {
  readonly store: UpstreamStore;
  readonly upstreams: Pick<Upstreams, 'apply' | 'states'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const EXISTS = 'There is an upstream at this host and port already.';
const SWITCHES = { isEnabled: true, isDraining: false, breaker: 'auto' } as const;
const IN_SETTINGS = 'This upstream is named in the settings (FILA_OLLAMA_URLS): change it there.';

export function createUpstreamRegistry(deps: UpstreamRegistryDeps): UpstreamRegistry {
  const { store, upstreams, clock, logger } = deps;
  let isAway = false;

  /** Those of the settings serve until the database can be read. */
  function noteAway(error: unknown): void {
    if (!isAway) logger.warn({ err: error }, 'upstreams cannot be read: those that are known stay');
    isAway = true;
  }

  const { reload, changed: putInForce } = rowsInForce(
    () => store.all(),
    (rows) => {
      const whenProbed = upstreams.apply(rows);
      whenProbed.catch(noteAway);
      return { whenProbed };
    },
  );

  const ticker = every(
    'reload upstreams',
    FOLLOW_EVERY_MS,
    async () => {
      await reload();
      if (isAway) logger.info({}, 'upstreams are read from the database again');
      isAway = false;
    },
    noteAway,
  );

  function stateOf(id: string): DispatchedUpstream {
    const state = upstreams.states().find((one) => one.id === id);
    if (!state) throw gone();
    return state;
  }

  async function storedRow(id: string): Promise<StoredUpstream | undefined> {
    return (await store.all()).find((row) => row.id === id);
  }

  async function decided(id: string): Promise<Decided> {
    const { url, source, ...state } = stateOf(id);
    const row = await storedRow(id);
    if (!row && source === 'database') throw gone();
    const { isEnabled, isDraining, breaker } = row ?? SWITCHES;
    const slots = row?.source === 'database' ? row.slots : state.slots;
    return { id, url, source, slots, isEnabled, isDraining, breaker };
  }

  async function changed(id: string, what: Partial<DispatchedUpstream>): Promise<Upstream> {
    logger.info({ upstream: id, ...what }, 'upstream changed by an operator');
    await putInForce();
    return asUpstream({ ...stateOf(id), ...what });
  }

  return {
    name: 'upstream registry',
    start: async () => {
      await reload().then((reloaded) => reloaded?.whenProbed, noteAway);
      await ticker.start();
    },
    stop: () => ticker.stop(),
    list: () => upstreams.states().map(asUpstream),
    get: (id) => asUpstream(stateOf(id)),
    decided,
    add: async ({ url, slots = 'auto' }) => {
      const origin = upstreamUrl(url);
      const id = hostAndPort(origin);
      if (upstreams.states().some((one) => one.id === id && one.source === 'settings'))
        throw fail('conflict', { detail: EXISTS });
      // What was switched at one that the settings name no more is in nobody's way.
      if ((await storedRow(id))?.source === 'settings') await store.remove(id);
      const fresh = { ...SWITCHES, id, url: origin, slots, createdAt: clock.now() };
      if (!(await store.insert({ ...fresh, source: 'database' }))) throw fail('conflict', { detail: EXISTS });
      await (
        await reload()
      )?.whenProbed;
      return asUpstream(stateOf(id));
    },
    update: async (id, { slots }) => {
      if (stateOf(id).source === 'settings') throw fail('conflict', { detail: IN_SETTINGS });
      await store.change(id, { slots });
      return changed(id, { slots });
    },
    switch: async (id, change) => {
      const { source, url, slots } = stateOf(id);
      const row = await storedRow(id);
      if (!row && source === 'database') throw gone();
      // What is switched at one of the settings is a row, too; it says nothing else.
      const fresh = { ...SWITCHES, id, url, slots, source, createdAt: clock.now() };
      const isNew = !row && (await store.insert({ ...fresh, ...change }));
      if (!isNew) await store.change(id, change);
      return changed(id, change);
    },
    remove: async (id) => {
      const state = stateOf(id);
      if (state.source === 'settings') throw fail('conflict', { detail: IN_SETTINGS });
      await store.remove(id);
      await putInForce();
      return asUpstream({ ...state, isDraining: true });
    },
  };
}

function gone() {
  return fail('not_found', { detail: 'There is no upstream of this id.' });
}

function asUpstream(state: DispatchedUpstream): Upstream {
  const time = (ms: number | null | undefined): string | null =>
    ms === null || ms === undefined ? null : new Date(ms).toISOString();
  return {
    id: state.id,
    url: state.url,
    source: state.source,
    status: state.status,
    since: time(state.since),
    checked_at: time(state.checkedAt),
    last_error: state.lastError ?? null,
    version: state.version ?? null,
    models: [...state.models],
    slots: slotsOf(state),
    slots_auto: state.slots === 'auto',
    running: state.running,
    enabled: state.isEnabled,
    draining: state.isDraining,
    dispatched_by: dispatcherOf(state),
    breaker: state.breaker,
    breakers: state.byModel.map(({ model, running, slots, slotsChange, breaker, since, lastError }) => ({
      model,
      running,
      slots,
      slots_changed: slotsChange && { ...slotsChange, at: new Date(slotsChange.at).toISOString() },
      state: breaker,
      since: new Date(since).toISOString(),
      last_error: lastError ?? null,
    })),
    created_at: time(state.createdAt),
  };
}

function dispatcherOf({ dispatchedBy }: DispatchedUpstream): Upstream['dispatched_by'] {
  return dispatchedBy && { run: dispatchedBy.run, host: dispatchedBy.host, here: dispatchedBy.isHere };
}

/** Where nobody fixed them, those of the model that has most. */
function slotsOf({ slots, byModel }: DispatchedUpstream): number {
  return slots === 'auto' ? Math.max(SLOTS.start, ...byModel.map((one) => one.slots)) : slots;
}
