/** Turns what has happened to requests into deliveries: one for each receiver that wants to hear of it. */
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { RequestSummary } from '../requests/requests.ts';
import type { DeliveryLoop } from './delivery-loop.ts';
import { bornClaimed, eventDeliveries, type MadeDelivery } from './event-deliveries.ts';
import type { RememberedEndpoints } from './remembered-endpoints.ts';
import type { OutboxEvent, StoredEndpoint, WebhookStore } from './webhook-store.ts';

/** An error stands where a request cannot be told, nothing where it is gone. */
export type LookUp = (requestIds: readonly string[]) => Promise<ReadonlyMap<string, RequestSummary | Error>>;

interface FanOutDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly logger: Logger;
  readonly lookUp: LookUp;
  readonly endpoints: RememberedEndpoints;
  readonly loop: Pick<DeliveryLoop, 'admit' | 'take' | 'giveBack'>;
}

const PAGE = 100;

/**
 * Goes through all of the outbox once. Resolves with whether there is something for others to take: deliveries that
 * were not born claimed.
 */
export function createFanOut(deps: FanOutDeps): () => Promise<boolean> {
  const { store, vault, logger, lookUp, endpoints, loop } = deps;
  const make = eventDeliveries(vault);

  /** Null when it cannot be told now: the event stays for the next time, and holds no other back. */
  function deliveriesOf(
    event: OutboxEvent,
    request: RequestSummary | Error | undefined,
    ofKey: readonly StoredEndpoint[],
  ): MadeDelivery[] | null {
    if (request === undefined) return [];
    if (request instanceof Error) {
      const isForGood = request instanceof VaultError;
      const fields = { err: request, requestId: event.requestId, type: event.type };
      if (isForGood) logger.critical(fields, 'a request cannot be decrypted: its receivers hear nothing');
      else logger.warn(fields, 'a request could not be looked up; its receivers hear of it later');
      return isForGood ? [] : null;
    }
    return make.toAll(event, request, ofKey);
  }

  async function tell(page: readonly OutboxEvent[]): Promise<boolean> {
    const keyIds = [...new Set(page.map(({ keyId }) => keyId))];
    const [requests, byKey] = await Promise.all([
      lookUp(page.map(({ requestId }) => requestId)),
      endpoints.ofKeys(keyIds),
    ]);
    const told: OutboxEvent[] = [];
    const made: MadeDelivery[] = [];
    for (const event of page) {
      const some = deliveriesOf(event, requests.get(event.requestId), byKey.get(event.keyId) ?? []);
      if (some === null) continue;
      told.push(event);
      made.push(...some);
    }
    return told.length > 0 && write(told, made);
  }

  /** What there is room for is claimed in the transaction that makes it: nobody has to look for it. */
  async function write(told: readonly OutboxEvent[], made: readonly MadeDelivery[]): Promise<boolean> {
    const deliveries = made.map(({ delivery }) => delivery);
    const birth = loop.admit(deliveries);
    const sinceMs = performance.now();
    let ours: ReadonlySet<string>;
    try {
      if ((await failpoint('webhook.before_fan_out')) === 'duplicate')
        await store.fanOut(told, deliveries, birth);
      ours = await store.fanOut(told, deliveries, birth);
    } catch (error) {
      // It may have happened all the same.
      loop.giveBack(bornClaimed(made, birth.ids, sinceMs));
      throw error;
    }
    await loop.take(bornClaimed(made, ours, sinceMs));
    return ours.size < made.length;
  }

  return async () => {
    let isMoreDue = false;
    for (let after = 0; ;) {
      const page = await store.outboxPage(after, PAGE);
      if (page.length > 0 && (await tell(page))) isMoreDue = true;
      if (page.length < PAGE) return isMoreDue;
      after = page.at(-1)!.n;
    }
  };
}
