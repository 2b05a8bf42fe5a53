/** Puts the overview together: counts of the database, paced, and what this process knows anyway. */
import type { LaneName, Ledger } from '../../engines/ledger/ledger.ts';
import type { Limiter } from '../../engines/limiter/limiter.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Overview } from '../../kernel/contract.generated.ts';
import { idTime } from '../../kernel/ids.ts';
import type { Upstreams, UpstreamState } from '../upstreams/upstreams.ts';
import { createBusiest, type LaneLine } from './busiest.ts';
import type { Flow } from './flow.ts';
import type { LaneCount, OverviewStore } from './overview-store.ts';
import { paced } from './paced.ts';

export interface PictureDeps {
  readonly store: OverviewStore;
  readonly ledger: Pick<Ledger, 'lanes'>;
  readonly limiter: Pick<Limiter, 'brokers'>;
  readonly upstreams: () => Pick<Upstreams, 'states'>;
  readonly flow: Flow;
  readonly refusals: ReadonlyMap<string, number>;
  readonly clock: Clock;
  readonly run: string;
}

const COUNT_EVERY_MS = 450;
const REST_EVERY_MS = 2_000;
/** One answer for all who ask within this time. */
const SAME_FOR_MS = 250;
const MOST_DEAD_LETTERS = 10_000;
const SERIES_S = 60;
const MINUTE_S = 60;
/** How far back the change of the backlog is measured. */
const CHANGE_OVER_MS = 10_000;

interface Counted {
  readonly at: number;
  readonly lanes: ReadonlyMap<number, LaneCount>;
}

export function createPicture(deps: PictureDeps): (options: { busiest: number }) => Promise<Overview> {
  const { store, ledger, limiter, flow, clock } = deps;
  const startedAt = clock.now();
  const change = createChange();
  const counted = paced(
    async (): Promise<Counted> => {
      const lanes = await store.lanes();
      const at = clock.now();
      let unfinished = 0;
      for (const one of lanes.values()) unfinished += one.pending + one.processing + one.delayed;
      change.note(at, unfinished);
      return { at, lanes };
    },
    { leastMs: COUNT_EVERY_MS },
  );
  const deadLetters = paced(() => store.deadLetters(MOST_DEAD_LETTERS + 1), { leastMs: REST_EVERY_MS });
  const webhooks = paced(() => store.webhooks(), { leastMs: REST_EVERY_MS });
  const busiest = createBusiest(store);
  const names = new Map<number, LaneName>();

  async function nameOf(id: number): Promise<LaneName> {
    const known = names.get(id) ?? (await ledger.lanes.nameOf(id));
    names.set(id, known);
    return known;
  }

  async function lines({ lanes }: Counted): Promise<Map<number, LaneLine>> {
    const moved = flow.lanes();
    const found = new Map<number, LaneLine>();
    const now = clock.now();
    for (const id of new Set([...lanes.keys(), ...moved.keys()])) {
      const lane: LaneName = moved.get(id)?.lane ?? names.get(id) ?? (await nameOf(id));
      const { pending = 0, processing = 0, delayed = 0, oldest = null } = lanes.get(id) ?? {};
      found.set(id, {
        ...{ lane, pending, processing, delayed },
        oldestWaitMs: oldest === null ? null : Math.max(0, now - idTime(oldest)),
        accepted: moved.get(id)?.accepted ?? 0,
        ended: moved.get(id)?.ended ?? 0,
      });
    }
    return found;
  }

  async function put(most: number): Promise<Overview> {
    const [count, dead, hooks] = await Promise.all([counted.get(), deadLetters.get(), webhooks.get()]);
    const all = [...(await lines(count)).values()];
    const sum = (of: (line: LaneLine) => number): number => all.reduce((total, line) => total + of(line), 0);
    const oldest = all.reduce<number | null>(
      (most, { oldestWaitMs }) => (oldestWaitMs === null ? most : Math.max(most ?? 0, oldestWaitMs)),
      null,
    );
    return {
      at: new Date(clock.now()).toISOString(),
      broker: {
        id: deps.run,
        brokers: limiter.brokers().count,
        uptime_ms: clock.now() - startedAt,
        rss_bytes: process.memoryUsage.rss(),
      },
      requests: {
        pending: sum((line) => line.pending),
        processing: sum((line) => line.processing),
        delayed: sum((line) => line.delayed),
        counted_at: new Date(count.at).toISOString(),
        oldest_wait_ms: oldest,
        change_per_second: change.perSecond(),
        dead_letters: Math.min(dead, MOST_DEAD_LETTERS),
        dead_letters_is_complete: dead <= MOST_DEAD_LETTERS,
      },
      flow: flowOnWire(flow),
      limits: {
        refused_minute: flow.seconds('refused', MINUTE_S).reduce((total, one) => total + one, 0),
        reasons: [...deps.refusals].map(([code, refused]) => ({ code, count: refused })),
      },
      lanes_total: all.filter((line) => line.pending + line.processing + line.delayed > 0).length,
      ...(await busiest(all, most)),
      upstreams: deps.upstreams().states().map(upstreamOnWire),
      webhooks: {
        ...{ pending: hooks.pending, due: hooks.due, oldest_due_ms: hooks.oldestDueMs },
        ...{ endpoints: hooks.endpoints, failing: hooks.failing, disabled: hooks.disabled },
        troubled: hooks.troubled.map((one) => ({
          ...{ id: one.id, key_id: one.keyId, host: one.host, status: one.status },
          failing_since: one.failingSince === null ? null : new Date(one.failingSince).toISOString(),
          disabled_reason: one.disabledReason,
        })),
      },
    };
  }

  const same = new Map<number, { readonly at: number; readonly overview: Promise<Overview> }>();
  return ({ busiest: most }) => {
    const now = performance.now();
    for (const [asked, { at }] of same) if (now - at >= SAME_FOR_MS) same.delete(asked);
    const known = same.get(most);
    if (known) return known.overview;
    const overview = put(most);
    same.set(most, { at: now, overview });
    return overview;
  };
}

/** From the counts of the last seconds; null until there are two. */
function createChange(): { note(at: number, count: number): void; perSecond(): number | null } {
  let seen: { at: number; count: number }[] = [];
  return {
    note: (at, count) => {
      // Nobody asked for a while: the counts of then say nothing of now.
      seen = seen.filter((one) => at - one.at <= CHANGE_OVER_MS && one.at < at);
      seen.push({ at, count });
    },
    perSecond: () => {
      const [first, last] = [seen[0], seen.at(-1)];
      if (!first || !last || last.at === first.at) return null;
      return rounded(((last.count - first.count) * 1000) / (last.at - first.at));
    },
  };
}

function flowOnWire(flow: Flow): Overview['flow'] {
  return {
    accepted_per_second: rounded(flow.rate('accepted')),
    completed_per_second: rounded(flow.rate('completed')),
    failed_per_second: rounded(flow.rate('failed')),
    retried_per_second: rounded(flow.rate('retried')),
    cancelled_per_second: rounded(flow.rate('cancelled')),
    refused_per_second: rounded(flow.rate('refused')),
    tokens_per_second: rounded(flow.rate('tokens')),
    seconds: {
      accepted: flow.seconds('accepted', SERIES_S),
      completed: flow.seconds('completed', SERIES_S),
      failed: flow.seconds('failed', SERIES_S),
      refused: flow.seconds('refused', SERIES_S),
    },
  };
}

function upstreamOnWire(state: UpstreamState): Overview['upstreams'][number] {
  const takesCalls = state.status === 'up' && state.isEnabled && !state.isDraining;
  const slots = state.slots === 'auto' ? Math.max(1, ...state.byModel.map((one) => one.slots)) : state.slots;
  const left = state.byModel.map((one) => one.slots - one.running);
  return {
    ...{ id: state.id, status: state.status, last_error: state.lastError ?? null },
    since: state.since === undefined ? null : new Date(state.since).toISOString(),
    ...{ enabled: state.isEnabled, draining: state.isDraining, slots, running: state.running },
    free: takesCalls ? Math.max(0, Math.min(slots, ...left)) : 0,
    models: state.models.length,
    version: state.version ?? null,
    open_breakers: state.byModel.filter(({ breaker }) => breaker !== 'closed').map(({ model }) => model),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
