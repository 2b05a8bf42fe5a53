/** Makes one attempt of a delivery: opens what is sealed, signs, sends, and judges what came of it. */
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Told } from '../overview/overview.ts';
import type { DisableEndpoint } from './disable-endpoint.ts';
import { judgeAttempt, reasonToDisable, type Verdict } from './judge-attempt.ts';
import type { Outgoing, SendResult, WebhookSender } from './send-webhook.ts';
import { webhookHeaders } from './sign-webhook.ts';
import { CALLBACK } from './webhook-events.ts';
import { openBody, openEndpoint, openSecrets, sealExcerpt, type Secrets } from './webhook-secrets.ts';
import type {
  DeliveryError,
  Settlement,
  StoredDelivery,
  StoredEndpoint,
  WebhookStore,
} from './webhook-store.ts';

/** A delivery that this run has claimed. */
export interface Claimed {
  readonly delivery: StoredDelivery;
  /** Null for a callback, and when it is deleted. */
  readonly endpoint: StoredEndpoint | null;
  /** When it was, by `performance.now()`. */
  readonly sinceMs: number;
  /** What is sealed in the delivery, where this process has just made it. */
  readonly opened?: { readonly url: string | null; readonly body: Buffer };
}

/** Resolves with what is to be written; null when the daemon's stop broke it off. Rejects when it could not be made. */
export type MakeAttempt = (claimed: Claimed) => Promise<Settlement | null>;

/** The URL of a request's callback, as the request keeps it. */
export type OpenCallback = (requestId: string, sealed: Buffer) => Promise<string>;

interface AttemptDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sender: WebhookSender;
  readonly secretOf: (keyId: string) => Promise<string>;
  readonly openCallback: OpenCallback;
  readonly disable: DisableEndpoint;
  /** Told when this has changed an endpoint of a key. */
  readonly onEndpoint: (keyId: string) => void;
  /** Fires when the daemon stops. */
  readonly signal: AbortSignal;
  /** Hears how each attempt ends. */
  readonly told?: Pick<Told, 'webhook'>;
  readonly failingMs: number;
  readonly delaysMs?: () => readonly number[] | undefined;
}

const NOTHING_SENT = { responseStatus: null, latencyMs: null, excerpt: null };

export function createMakeAttempt(deps: AttemptDeps): MakeAttempt {
  const { store, vault, clock, logger, sender } = deps;
  /** Endpoints are remembered for a second, and what is sealed in them with them. */
  const openedEndpoints = new WeakMap<StoredEndpoint, Promise<{ url: string; secrets: Secrets }>>();

  /** What is sent where, or why there is nothing to send. */
  async function targetOf({ delivery, endpoint, opened }: Claimed): Promise<Outgoing | DeliveryError> {
    if (delivery.receiver !== CALLBACK && endpoint === null) return 'endpoint_deleted';
    if (endpoint?.status === 'disabled') return 'endpoint_disabled';
    try {
      const { messageId } = delivery;
      const atMs = clock.now();
      const body = opened?.body ?? (await openBody(vault, messageId, delivery.body));
      if (endpoint) {
        const { url, secrets } = await openedEndpoint(endpoint);
        return { url, body, headers: webhookHeaders({ id: messageId, atMs, body }, validAt(secrets, atMs)) };
      }
      const url = opened?.url ?? (await deps.openCallback(delivery.requestId!, delivery.url!));
      const secrets = [await deps.secretOf(delivery.keyId)];
      return { url, body, headers: webhookHeaders({ id: messageId, atMs, body }, secrets) };
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      logger.critical({ err: error, ...named(delivery) }, 'a webhook cannot be decrypted');
      return 'unreadable';
    }
  }

  function openedEndpoint(endpoint: StoredEndpoint): Promise<{ url: string; secrets: Secrets }> {
    let opened = openedEndpoints.get(endpoint);
    if (!opened) {
      opened = Promise.all([
        openEndpoint(vault, endpoint.id, 'url', endpoint.url),
        openSecrets(vault, endpoint.id, endpoint.secrets),
      ]).then(([url, secrets]) => ({ url, secrets }));
      opened.catch(() => openedEndpoints.delete(endpoint));
      openedEndpoints.set(endpoint, opened);
    }
    return opened;
  }

  function settlementOf(delivery: StoredDelivery, result: SendResult, verdict: Verdict): Settlement {
    const isAnswered = result.kind === 'answered';
    const { state, delayMs, error } = verdict;
    const excerpt =
      isAnswered && result.excerpt.length > 0 ? sealExcerpt(vault, delivery.id, result.excerpt) : null;
    const responseStatus = isAnswered ? result.status : null;
    return { delivery, state, delayMs, error, responseStatus, latencyMs: result.latencyMs, excerpt };
  }

  async function noteEndpoint(endpoint: StoredEndpoint, result: SendResult, verdict: Verdict): Promise<void> {
    const { id, keyId, failingSince } = endpoint;
    if (verdict.state === 'delivered') {
      if (failingSince === null) return;
      await store.endpoints.change(id, { failingSince: null });
    } else {
      // What is remembered may be a second old, and in it another broker may have been heard.
      const current = await store.endpoints.byId(id);
      if (!current) return;
      const now = clock.now();
      const reason = reasonToDisable(result, current, { now, failingMs: deps.failingMs });
      if (reason) await deps.disable(current, reason);
      else if (current.failingSince === null)
        await store.endpoints.change(id, { failingSince: now }, { failingSince: null });
    }
    deps.onEndpoint(keyId);
  }

  function sayResult(delivery: StoredDelivery, result: SendResult, { state, error }: Verdict): void {
    const { id: deliveryId, host, attempts, keyId, requestId } = delivery;
    const status = result.kind === 'answered' ? result.status : undefined;
    deps.told?.webhook({ state, error, deliveryId, keyId, requestId, host, attempts, httpStatus: status });
    const fields = { deliveryId, host, status, error, ms: result.latencyMs, attempts };
    if (state === 'delivered') logger.debug(fields, 'webhook delivered');
    else if (state === 'pending') logger.info(fields, 'webhook failed; it is tried again');
    else logger.warn(fields, 'webhook failed for good');
  }

  return async (claimed) => {
    const { delivery, endpoint } = claimed;
    const target = await targetOf(claimed);
    if (typeof target === 'string') {
      logger.info({ ...named(delivery), error: target }, 'a webhook has nowhere to go');
      return { delivery, state: 'failed', delayMs: 0, error: target, ...NOTHING_SENT };
    }
    if ((await failpoint('webhook.before_send')) === 'duplicate') await sender.send(target);
    const result = await sender.send(target);
    await failpoint('webhook.after_send');
    if (deps.signal.aborted && result.kind === 'failed') return null;
    const verdict = judgeAttempt(result, {
      attempts: delivery.attempts,
      isRepeatable: delivery.type !== 'webhook.test',
      random: Math.random(),
      delaysMs: deps.delaysMs?.(),
    });
    sayResult(delivery, result, verdict);
    if (endpoint)
      await noteEndpoint(endpoint, result, verdict).catch((error: unknown) =>
        logger.warn({ err: error, ...named(delivery) }, 'an endpoint could not be told how it does'),
      );
    return settlementOf(delivery, result, verdict);
  };
}

function validAt(secrets: Secrets, now: number): string[] {
  return secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret);
}

/** Nothing of a URL but its host gets into the log. */
export function named({ id, host }: StoredDelivery): { deliveryId: string; host: string } {
  return { deliveryId: id, host };
}
