/** The overview: how everything is in one cheap answer, and what happens as it happens, for those who watch. */
import type { Ledger } from '../../engines/ledger/ledger.ts';
import type { Limiter } from '../../engines/limiter/limiter.ts';
import type { Relay } from '../../engines/relay/relay.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Overview } from '../../kernel/contract.generated.ts';
import { every } from '../../kernel/every.ts';
import { services, type Service } from '../../kernel/service.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { createEventFeed, type EventFeed } from './event-feed.ts';
import { createFlow } from './flow.ts';
import { overviewStore } from './overview-store.ts';
import { createPicture } from './picture.ts';
import { createRelayedEvents } from './relayed-events.ts';
import { createTold, type Told } from './told.ts';
import { createChanges } from './upstream-changes.ts';

export type { Told, WebhookAttempt } from './told.ts';

export interface OverviewRoom extends Service {
  /** For the rooms where things happen. */
  readonly told: Told;
  readonly feed: EventFeed;
  read(options: { busiest: number }): Promise<Overview>;
  /** What people call these keys. */
  readonly keyNames: (ids: readonly string[]) => Promise<ReadonlyMap<string, string>>;
}

export interface OverviewDeps {
  readonly ledger: Ledger;
  readonly limiter: Pick<Limiter, 'brokers'>;
  readonly relay: Relay;
  /** Handed over when they are made: they tell of themselves here. */
  readonly upstreams: () => Pick<Upstreams, 'states'>;
  readonly clock: Clock;
  /** This run of the broker. */
  readonly run: string;
  readonly eventsKept: number;
}

const LOOK_EVERY_MS = 1_000;

export function createOverview(deps: OverviewDeps): OverviewRoom {
  const { ledger, limiter, clock, run } = deps;
  const store = overviewStore(ledger.sql);
  const flow = createFlow(clock);
  const feed = createEventFeed({
    ...{ run, clock, capacity: deps.eventsKept },
    isWantedElsewhere: () => relayed.isWanted(),
    carry: (telling) => relayed.carry(telling),
    onListen: () => relayed.want(),
  });
  const relayed = createRelayedEvents({
    ...{ relay: deps.relay, run },
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
    ...services([relayed, looking]),
    name: 'overview',
    told,
    feed,
    read: picture,
    keyNames: store.keyNames,
  };
}
