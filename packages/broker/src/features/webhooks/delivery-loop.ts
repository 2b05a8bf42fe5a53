/** Takes deliveries that are due or were born claimed, gives each its attempt, and writes what came of them. */
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import { deliveryPlaces } from './delivery-places.ts';
import { named, type Claimed, type MakeAttempt } from './make-attempt.ts';
import { shareRoom } from './share-room.ts';
import { CALLBACK } from './webhook-events.ts';
import type {
  Birth,
  NewDelivery,
  Released,
  Settlement,
  StoredDelivery,
  StoredEndpoint,
  WebhookStore,
} from './webhook-store.ts';

export interface DeliveryLoop {
  /** Writes what has ended, and takes what is due where there may be something. Never call it twice at once. */
  pump(): Promise<void>;
  /** Something may be due in the database: the next `pump` looks. */
  expectDue(): void;
  /** Which of these may be born claimed: those there is room for. */
  admit(deliveries: readonly NewDelivery[]): Birth;
  /** Begins what this run has claimed, or puts it into a line. */
  take(claimed: readonly Claimed[]): Promise<void>;
  /** Hands back what this run may have claimed and does not begin: due at once, and not counted. */
  giveBack(claimed: readonly Claimed[]): void;
  /** From now on nothing is started; what waited for a place is handed back by the next `pump`. */
  quiet(): void;
  /** Waits for running attempts, and calls `breakOff` after `graceMs`: the next `pump` hands those back. */
  rest(graceMs: number, breakOff: () => void): Promise<void>;
}

interface DeliveryLoopDeps {
  readonly store: WebhookStore;
  readonly logger: Logger;
  readonly run: string;
  readonly attempt: MakeAttempt;
  /** Called when an attempt has ended: there is something to write. */
  readonly onEnd: () => void;
  readonly leaseMs: number;
}

/** After an attempt that our own side could not make. */
const NOT_MADE_DELAY_MS = 5_000;
const SOON_MS = 1_000;
/** Of its lease; what has waited longer for a place is handed back, because the rest may not do for an attempt. */
const LONGEST_WAIT = 1 / 4;

export function createDeliveryLoop(deps: DeliveryLoopDeps): DeliveryLoop {
  const { store, logger, run, leaseMs } = deps;
  const places = deliveryPlaces();
  const running = new Map<string, Promise<void>>();
  /** Hosts that have more due in the database than there was room for: the new go behind the old. */
  let behind = new Set<string>();
  let isQuiet = false;
  let isDueExpected = true;
  let settlements: Settlement[] = [];
  let released: Released[] = [];

  const freeOf = (host: string): number => places.limitOf(host) - places.usedBy(host);

  async function pump(): Promise<void> {
    await write();
    if (isQuiet || places.room() <= 0 || !(isDueExpected || canCatchUp())) return;
    isDueExpected = false;
    try {
      await takeDue();
    } catch (error) {
      isDueExpected = true;
      throw error;
    }
  }

  /** Not for every place that gets free: one look takes many. */
  function canCatchUp(): boolean {
    for (const host of behind) if (freeOf(host) * 2 >= places.limitOf(host)) return true;
    return false;
  }

  async function takeDue(): Promise<void> {
    const due = await store.deliveries.dueHosts();
    behind = new Set(due);
    const { usedBy, limitOf } = places;
    const hosts = shareRoom(due, { room: places.room(), usedBy, limitOf });
    if (hosts.length === 0) return;
    const unwritten = [...settlements, ...released].map(({ delivery }) => delivery.id);
    const except = new Set([...places.ids(), ...unwritten]);
    const sinceMs = performance.now();
    const claimed = await store.deliveries.claim({ run, leaseMs, hosts, except });
    const counts = Map.groupBy(claimed, ({ host }) => host);
    for (const { host, limit } of hosts) if ((counts.get(host)?.length ?? 0) < limit) behind.delete(host);
    const byId = await endpointsOf(claimed).catch((error: unknown) => {
      handBack(claimed, NOT_MADE_DELAY_MS);
      throw error;
    });
    const withEndpoint = (delivery: StoredDelivery): Claimed => {
      return { delivery, endpoint: byId.get(delivery.receiver) ?? null, sinceMs };
    };
    await take(claimed.map(withEndpoint));
  }

  async function endpointsOf(claimed: readonly StoredDelivery[]): Promise<Map<string, StoredEndpoint>> {
    const receivers = new Set(claimed.map(({ receiver }) => receiver));
    const endpoints = await store.endpoints.byIds([...receivers].filter((id) => id !== CALLBACK));
    return new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  }

  function admit(deliveries: readonly NewDelivery[]): Birth {
    const ids = new Set<string>();
    const free = new Map<string, number>();
    let room = isQuiet ? 0 : places.room();
    for (const { id, host } of deliveries) {
      const left = free.get(host) ?? (behind.has(host) ? 0 : freeOf(host));
      const isAdmitted = left > 0 && room > 0;
      free.set(host, isAdmitted ? left - 1 : 0);
      if (isAdmitted) {
        ids.add(id);
        room -= 1;
      } else behind.add(host);
    }
    return { run, leaseMs, ids };
  }

  async function take(claimed: readonly Claimed[]): Promise<void> {
    if (claimed.length === 0) return;
    try {
      await failpoint('webhook.claim');
    } catch (error) {
      // Ours, and not begun: handed back, they need not wait for the lease, and have lost no attempt.
      handBack(claimed.map(deliveryOf), NOT_MADE_DELAY_MS);
      throw error;
    }
    for (const one of claimed) places.queue(one);
    if (isQuiet) handBack(places.dissolve().map(deliveryOf), 0);
    else advance();
  }

  function handBack(deliveries: readonly StoredDelivery[], delayMs: number): void {
    for (const delivery of deliveries) released.push({ delivery, delayMs });
  }

  function advance(): void {
    for (let one = places.next(); one; one = places.next()) {
      if (performance.now() - one.sinceMs <= leaseMs * LONGEST_WAIT) begin(one);
      else {
        places.free(one, null);
        standBack([one]);
      }
    }
  }

  /** Claimed, and not to be begun soon: others may be quicker. */
  function standBack(claimed: readonly Claimed[]): void {
    for (const { delivery } of claimed) behind.add(delivery.host);
    handBack(claimed.map(deliveryOf), 0);
  }

  function begin(one: Claimed): void {
    const { delivery } = one;
    const attempt = deps.attempt(one).then(
      (settlement) => {
        if (settlement) settlements.push(settlement);
        else handBack([delivery], 0);
        end(one, settlement);
      },
      (error: unknown) => {
        logger.warn({ err: error, ...named(delivery) }, 'an attempt could not be made; it follows later');
        handBack([delivery], NOT_MADE_DELAY_MS);
        end(one, null);
      },
    );
    running.set(delivery.id, attempt);
  }

  function end(one: Claimed, settlement: Settlement | null): void {
    const { id, host } = one.delivery;
    running.delete(id);
    places.free(one, settlement);
    if (settlement?.error === 'timeout') standBack(places.dissolve(host));
    if (!isQuiet) advance();
    deps.onEnd();
  }

  /** What failed is kept for the next time: a lease that runs out meanwhile costs one more attempt, and loses nothing. */
  async function write(): Promise<void> {
    const [ended, handedBack] = [settlements, released];
    [settlements, released] = [[], []];
    try {
      if (ended.length > 0) await settle(ended);
      await store.deliveries.release(run, handedBack);
    } catch (error) {
      settlements.unshift(...ended);
      released.unshift(...handedBack);
      throw error;
    }
    isDueExpected ||= handedBack.length > 0 || ended.some(isDueSoon);
  }

  async function settle(ended: readonly Settlement[]): Promise<void> {
    if ((await failpoint('webhook.before_mark')) === 'duplicate') await store.deliveries.settle(run, ended);
    await store.deliveries.settle(run, ended);
  }

  return {
    pump,
    admit,
    take,
    expectDue: () => {
      isDueExpected = true;
    },
    giveBack: (claimed) => handBack(claimed.map(deliveryOf), 0),
    quiet: () => {
      isQuiet = true;
      handBack(places.dissolve().map(deliveryOf), 0);
    },
    rest: async (graceMs, breakOff) => {
      const timer = setTimeout(breakOff, graceMs);
      await Promise.all(running.values());
      clearTimeout(timer);
    },
  };
}

function deliveryOf({ delivery }: Claimed): StoredDelivery {
  return delivery;
}

/** Sooner than anybody would look without being told. */
function isDueSoon({ state, delayMs }: Settlement): boolean {
  return state === 'pending' && delayMs < SOON_MS;
}
