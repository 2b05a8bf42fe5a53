/** The overview: how everything is in one cheap answer, and what happens as it happens, for those who watch. */
import type { EventBus } from '../../engines/event-bus/event-bus.ts';
import type { Ledger } from '../../engines/ledger/ledger.ts';
import type { Limiter } from '../../engines/limiter/limiter.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  ListAllRequestsQuery,
  Overview,
  RequestSummary,
  RequestSummaryList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { isId } from '../../kernel/ids.ts';
import { modelInFull } from '../../kernel/lanes.ts';
import { services, type Service } from '../../kernel/service.ts';
import type { Requests } from '../requests/requests.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { createEventFeed, type EventFeed } from './event-feed.ts';
import { createEventRelay } from './event-relay.ts';
import { createFlow } from './flow.ts';
import { overviewStore } from './overview-store.ts';
import { createPicture } from './picture.ts';
import { summaryOnWire } from './request-summary.ts';
import { createTold, type Told } from './told.ts';
import { createChanges } from './upstream-changes.ts';

export type { Told, WebhookAttempt } from './told.ts';

export interface OverviewRoom extends Service {
  /** For the rooms where things happen. */
  readonly told: Told;
  readonly feed: EventFeed;
  read(options: { busiest: number }): Promise<Overview>;
  /** Of every key, without content, newest first. */
  requests(query: ListAllRequestsQuery): Promise<RequestSummaryList>;
  /** Whichever key sent it. */
  cancel(id: string): Promise<RequestSummary>;
}

export interface OverviewDeps {
  readonly ledger: Ledger;
  readonly limiter: Pick<Limiter, 'brokers'>;
  readonly bus: EventBus;
  /** Handed over when they are made: they tell of themselves here. */
  readonly upstreams: () => Pick<Upstreams, 'states'>;
  readonly requests: () => Pick<Requests, 'cancel'>;
  readonly clock: Clock;
  /** This run of the broker. */
  readonly run: string;
  readonly eventsKept: number;
}

const LOOK_EVERY_MS = 1_000;
const DEFAULT_PAGE = 50;
const notFound = () => fail('not_found', { detail: 'There is no such request.' });

export function createOverview(deps: OverviewDeps): OverviewRoom {
  const { ledger, limiter, clock, run } = deps;
  const store = overviewStore(ledger.sql);
  const flow = createFlow(clock);
  const feed = createEventFeed({
    ...{ run, clock, capacity: deps.eventsKept },
    isWantedElsewhere: () => relay.isWanted(),
    carry: (telling) => relay.carry(telling),
    onListen: () => relay.want(),
  });
  const relay = createEventRelay({
    bus: deps.bus,
    hear: feed.hear,
    hasListeners: () => feed.listeners > 0,
  });
  const told = createTold(flow, feed);
  const picture = createPicture({ ...deps, store, flow, refusals: told.refusals });
  const changes = createChanges({
    states: () => deps.upstreams().states(),
    brokers: () => limiter.brokers().count,
    tell: feed.tell,
  });
  // What only the state shows is looked for while somebody wants to know.
  const looking = every(
    'look for changes',
    LOOK_EVERY_MS,
    async () => (feed.isOn ? changes.look() : changes.forget()),
    () => undefined,
  );

  return {
    ...services([relay, looking]),
    name: 'overview',
    told,
    feed,
    read: picture,
    requests: async ({ limit = DEFAULT_PAGE, cursor, status, key_id: keyId, model }) => {
      if (cursor !== undefined && !isId('req', cursor)) throw fail('invalid_cursor');
      const { rows, reached } = await store.requests({
        ...{ limit, before: cursor, keyId, model: model === undefined ? undefined : modelInFull(model) },
        states: status === 'pending' ? ['pending', 'delayed'] : status && [status],
      });
      const names = await store.keyNames([...new Set(rows.map((row) => row.keyId))]);
      return {
        items: rows.map((row) => summaryOnWire(row, names.get(row.keyId) ?? null)),
        next_cursor: reached,
      };
    },
    cancel: async (id) => {
      const row = isId('req', id) ? await ledger.find(id) : null;
      if (!row) throw notFound();
      await deps.requests().cancel(row.keyId, id);
      const [now, { model }, names] = await Promise.all([
        ledger.find(id),
        ledger.lanes.nameOf(row.laneId),
        store.keyNames([row.keyId]),
      ]);
      if (!now) throw notFound();
      return summaryOnWire({ ...now, model, tokens: null }, names.get(row.keyId) ?? null);
    },
  };
}
