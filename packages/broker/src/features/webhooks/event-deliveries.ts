/** What an event becomes for each of its receivers: made twice, it is the same message. */
import type { Vault } from '../../engines/vault/vault.ts';
import { newId } from '../../kernel/ids.ts';
import type { Claimed } from './make-attempt.ts';
import { CALLBACK, messageIdOf } from './webhook-events.ts';
import { sealMessage } from './webhook-secrets.ts';
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
  toCallback(event: RequestEnd, url: string, body: Buffer): MadeDelivery;
  /** Also for a disabled endpoint: the delivery fails then, and can be made again once the endpoint is enabled. */
  toEndpoint(event: RequestEnd, endpoint: StoredEndpoint, body: Buffer): MadeDelivery;
}

export function eventDeliveries(vault: Vault): EventDeliveries {
  function parts(event: RequestEnd, receiver: string, body: Buffer) {
    const { requestId, keyId, type, createdAt } = event;
    const messageId = messageIdOf(requestId, type, receiver);
    return {
      ...{ id: newId('dlv'), messageId, requestId, keyId, receiver, type, createdAt, replayedFrom: null },
      body: sealMessage(vault, messageId, 'body', body),
    };
  }

  return {
    toCallback: (event, url, body) => {
      const common = parts(event, CALLBACK, body);
      const sealed = sealMessage(vault, common.messageId, 'url', Buffer.from(url));
      const delivery = { ...common, host: URL.parse(url)?.host ?? 'none', url: sealed };
      return { delivery, endpoint: null, url, body };
    },
    toEndpoint: (event, endpoint, body) => {
      const delivery = { ...parts(event, endpoint.id, body), host: endpoint.host, url: null };
      return { delivery, endpoint, url: null, body };
    },
  };
}

const FIRST_ATTEMPT = {
  ...{ state: 'pending' as const, attempts: 1, nextAt: null, lastAttemptAt: null, completedAt: null },
  ...{ responseStatus: null, latencyMs: null, error: null, excerpt: null },
};

/** As it stands in the database once it is claimed for its first attempt. */
export function bornClaimed({ delivery, endpoint, url, body }: MadeDelivery, sinceMs: number): Claimed {
  return { delivery: { ...delivery, ...FIRST_ATTEMPT }, endpoint, sinceMs, opened: { url, body } };
}
