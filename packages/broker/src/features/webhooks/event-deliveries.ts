/** What an event becomes for each of its receivers: made twice, it is the same message. */
import type { Vault } from '../../engines/vault/vault.ts';
import { newId } from '../../kernel/ids.ts';
import { CALLBACK, messageIdOf } from './webhook-events.ts';
import { sealMessage } from './webhook-secrets.ts';
import type { NewDelivery, OutboxEvent, StoredEndpoint } from './webhook-store.ts';

export type RequestEnd = Omit<OutboxEvent, 'n'>;

export interface EventDeliveries {
  toCallback(event: RequestEnd, url: string, body: Buffer): NewDelivery;
  /** Also for a disabled endpoint: the delivery fails then, and can be made again once the endpoint is enabled. */
  toEndpoint(event: RequestEnd, endpoint: StoredEndpoint, body: Buffer): NewDelivery;
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
      return {
        ...common,
        host: URL.parse(url)?.host ?? 'none',
        url: sealMessage(vault, common.messageId, 'url', Buffer.from(url)),
      };
    },
    toEndpoint: (event, { id, host }, body) => ({ ...parts(event, id, body), host, url: null }),
  };
}
