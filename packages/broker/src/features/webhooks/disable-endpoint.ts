/** Disables an endpoint that is gone or has been failing for days, and tells the other endpoints of its key. */
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import { newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import { wants } from './event-deliveries.ts';
import { disabledBody, messageIdOf } from './webhook-events.ts';
import { sealBody } from './webhook-secrets.ts';
import type { DisabledReason, NewDelivery, StoredEndpoint, WebhookStore } from './webhook-store.ts';

export type DisableEndpoint = (endpoint: StoredEndpoint, reason: DisabledReason) => Promise<void>;

interface DisableDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TYPE = 'endpoint.disabled';

/** Of several brokers that see the same, one disables and tells. */
export function createDisable({ store, vault, clock, logger }: DisableDeps): DisableEndpoint {
  return async (endpoint, reason) => {
    const at = clock.now();
    const { id, host, keyId } = endpoint;
    const body = disabledBody({ id, host, reason, at });
    const others = (await store.endpoints.ofKeys([keyId])).filter(
      (other) => other.id !== id && other.status === 'enabled' && wants(other.events, TYPE),
    );
    const notices = others.map((other): NewDelivery => {
      const messageId = messageIdOf(id, TYPE, String(at), other.id);
      return {
        id: newId('dlv'),
        messageId,
        requestId: null,
        keyId,
        receiver: other.id,
        type: TYPE,
        replayedFrom: null,
        host: other.host,
        url: null,
        body: sealBody(vault, messageId, body),
        createdAt: at,
      };
    });
    if (await store.disable(id, { reason, at, notices }))
      logger.warn({ endpointId: id, keyId, host, reason }, 'a webhook endpoint was disabled');
  };
}
