/** Turns what has happened to requests into deliveries: one for each receiver that wants to hear of it. */
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { RequestSummary } from '../requests/requests.ts';
import { eventDeliveries } from './event-deliveries.ts';
import { requestBody } from './webhook-events.ts';
import type { NewDelivery, OutboxEvent, StoredEndpoint, WebhookStore } from './webhook-store.ts';

export type LookUp = (requestId: string) => Promise<RequestSummary | null>;

interface FanOutDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly logger: Logger;
  readonly lookUp: LookUp;
}

const PAGE = 100;

/** Goes through all of the outbox once. Resolves with whether it made deliveries. */
export function createFanOut({ store, vault, logger, lookUp }: FanOutDeps): () => Promise<boolean> {
  const make = eventDeliveries(vault);

  /** Null when it cannot be told now: the event stays for the next time, and holds no other back. */
  async function deliveriesOf(
    event: OutboxEvent,
    endpoints: readonly StoredEndpoint[],
  ): Promise<NewDelivery[] | null> {
    let request: RequestSummary | null;
    try {
      request = await lookUp(event.requestId);
    } catch (error) {
      const isForGood = error instanceof VaultError;
      const fields = { err: error, requestId: event.requestId, type: event.type };
      if (isForGood) logger.critical(fields, 'a request cannot be decrypted: its receivers hear nothing');
      else logger.warn(fields, 'a request could not be looked up; its receivers hear of it later');
      return isForGood ? [] : null;
    }
    if (request === null) return [];
    const body = requestBody(event.requestId, request, { type: event.type, at: event.createdAt });
    const wanting = endpoints.filter(({ events }) => wants(events, event.type));
    return [
      ...(request.callbackUrl === null ? [] : [make.toCallback(event, request.callbackUrl, body)]),
      ...wanting.map((endpoint) => make.toEndpoint(event, endpoint, body)),
    ];
  }

  return async () => {
    let hasMade = false;
    let after = 0;
    for (;;) {
      const page = await store.outboxPage(after, PAGE);
      if (page.length === 0) return hasMade;
      after = page.at(-1)!.n;
      const keyIds = [...new Set(page.map(({ keyId }) => keyId))];
      const byKey = Map.groupBy(await store.endpoints.ofKeys(keyIds), ({ keyId }) => keyId);
      const made = await Promise.all(page.map((event) => deliveriesOf(event, byKey.get(event.keyId) ?? [])));
      const told = page.filter((_, index) => made[index] !== null);
      if (told.length === 0) continue;
      const deliveries = made.flatMap((some) => some ?? []);
      if ((await failpoint('webhook.before_fan_out')) === 'duplicate') await store.fanOut(told, deliveries);
      await store.fanOut(told, deliveries);
      hasMade ||= deliveries.length > 0;
    }
  };
}

/** `events` as they are stored; null = all. */
export function wants(events: string | null, type: string): boolean {
  return events === null || events.split(' ').includes(type);
}
