/** What an event becomes for each of its receivers: made twice, it is the same message. */
import type { Vault } from '../../engines/vault/vault.ts';
import { newId } from '../../kernel/ids.ts';
import type { Callback, RequestSummary } from '../requests/requests.ts';
import type { Claimed } from './make-attempt.ts';
import { CALLBACK, messageIdOf, requestBody } from './webhook-events.ts';
import { sealBody } from './webhook-secrets.ts';
import type { NewDelivery, OutboxEvent, StoredEndpoint } from './webhook-store.ts';

export type RequestEnd = Omit<OutboxEvent, 'n'>;

/** A delivery and what is sealed in it, so that whoever sends it at once need not open it. */
export interface MadeDelivery {
  readonly delivery: NewDelivery;
  /** Null for the callback. */
  readonly endpoint: StoredEndpoint | null;
  /** Only of a callback. */
  readonly url: string | null;
  readonly body: Buffer;
}

export interface EventDeliveries {
  toCallback(event: RequestEnd, callback: Callback, body: Buffer): MadeDelivery;
  /** Also for a disabled endpoint: the delivery fails then, and can be made again once the endpoint is enabled. */
  toEndpoint(event: RequestEnd, endpoint: StoredEndpoint, body: Buffer): MadeDelivery;
  /** To all who want to hear of it. */
  toAll(event: RequestEnd, request: RequestSummary, ofKey: readonly StoredEndpoint[]): MadeDelivery[];
}

export function eventDeliveries(vault: Vault): EventDeliveries {
  function parts(event: RequestEnd, receiver: string, body: Buffer) {
    const { requestId, keyId, type, createdAt } = event;
    const messageId = messageIdOf(requestId, type, receiver);
    return {
      ...{ id: newId('dlv'), messageId, requestId, keyId, receiver, type, createdAt, replayedFrom: null },
      body: sealBody(vault, messageId, body),
    };
  }

  function toCallback(event: RequestEnd, { url, sealed }: Callback, body: Buffer): MadeDelivery {
    const host = URL.parse(url)?.host ?? 'none';
    return { delivery: { ...parts(event, CALLBACK, body), host, url: sealed }, endpoint: null, url, body };
  }

  function toEndpoint(event: RequestEnd, endpoint: StoredEndpoint, body: Buffer): MadeDelivery {
    const delivery = { ...parts(event, endpoint.id, body), host: endpoint.host, url: null };
    return { delivery, endpoint, url: null, body };
  }

  return {
    toCallback,
    toEndpoint,
    toAll: (event, request, ofKey) => {
      const { requestId, type, createdAt: at } = event;
      const body = requestBody(requestId, request, { type, at });
      const made = request.callback === null ? [] : [toCallback(event, request.callback, body)];
      for (const endpoint of ofKey)
        if (wants(endpoint.events, type)) made.push(toEndpoint(event, endpoint, body));
      return made;
    },
  };
}

/** `events` as they are stored; null = all. */
export function wants(events: string | null, type: string): boolean {
  return events === null || events.split(' ').includes(type);
}

const FIRST_ATTEMPT = {
  ...{ state: 'pending' as const, attempts: 1, nextAt: null, lastAttemptAt: null, completedAt: null },
  ...{ responseStatus: null, latencyMs: null, error: null, excerpt: null },
};

/** Those of these ids, as they stand in the database once they are claimed for their first attempt. */
export function bornClaimed(
  made: readonly MadeDelivery[],
  ids: ReadonlySet<string>,
  sinceMs: number,
): Claimed[] {
  return made
    .filter(({ delivery }) => ids.has(delivery.id))
    .map(({ delivery, endpoint, url, body }) => {
      return { delivery: { ...delivery, ...FIRST_ATTEMPT }, endpoint, sinceMs, opened: { url, body } };
    });
}
