/** Takes deliveries that are due, makes their attempts, and writes what came of them. */
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Told } from '../overview/overview.ts';
import type { DisableEndpoint } from './disable-endpoint.ts';
import { judgeAttempt, reasonToDisable, type Verdict } from './judge-attempt.ts';
import type { Outgoing, SendResult, WebhookSender } from './send-webhook.ts';
import { shareRoom } from './share-room.ts';
import { webhookHeaders } from './sign-webhook.ts';
import { CALLBACK } from './webhook-events.ts';
import { openEndpoint, openMessage, openSecrets, sealExcerpt } from './webhook-secrets.ts';
import type {
  DeliveryError,
  Released,
  Settlement,
  StoredDelivery,
  StoredEndpoint,
  WebhookStore,
} from './webhook-store.ts';

export interface DeliveryLoop {
  /** Writes what has ended and starts what is due, as far as there is room. Never call it twice at once. */
  pump(): Promise<void>;
  /** From now on `pump` starts nothing. */
  quiet(): void;
  /** Waits for running attempts, and breaks them off after `graceMs`: the next `pump` hands those back. */
  rest(graceMs: number): Promise<void>;
}

interface DeliveryLoopDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly run: string;
  readonly sender: WebhookSender;
  readonly secretOf: (keyId: string) => Promise<string>;
  readonly disable: DisableEndpoint;
  /** Hears how each attempt ends. */
  readonly told?: Pick<Told, 'webhook'>;
  /** Called when an attempt has ended: there is room, and something to write. */
  readonly onEnd: () => void;
  readonly leaseMs: number;
  readonly failingMs: number;
  readonly delaysMs?: readonly number[];
}

export const PLACES = 128;
export const PLACES_PER_HOST = 16;
/** For a host that let its last attempt run into the timeout: a hundred of them cannot fill the house. */
const PLACES_OF_HANGING_HOST = 1;
const REMEMBERED_HOSTS = 10_000;
/** After an attempt that our own side could not make. */
const NOT_MADE_DELAY_MS = 5_000;

export function createDeliveryLoop(deps: DeliveryLoopDeps): DeliveryLoop {
  const { store, vault, clock, logger, run } = deps;
  const running = new Map<string, { host: string; attempt: Promise<void> }>();
  const hanging = new Set<string>();
  const stopping = new AbortController();
  let isQuiet = false;
  let settlements: Settlement[] = [];
  let released: Released[] = [];

  async function pump(): Promise<void> {
    await write();
    if (isQuiet || running.size >= PLACES) return;
    const hosts = shareRoom(await store.deliveries.dueHosts(), {
      room: PLACES - running.size,
      usedBy: (host) => [...running.values()].filter((one) => one.host === host).length,
      limitOf: (host) => (hanging.has(host) ? PLACES_OF_HANGING_HOST : PLACES_PER_HOST),
    });
    if (hosts.length === 0) return;
    const unwritten = [...settlements, ...released].map(({ delivery }) => delivery.id);
    const except = new Set([...running.keys(), ...unwritten]);
    const claimed = await store.deliveries.claim({ run, leaseMs: deps.leaseMs, hosts, except });
    try {
      await failpoint('webhook.claim');
      const byId = await endpointsOf(claimed);
      for (const delivery of claimed) begin(delivery, byId.get(delivery.receiver) ?? null);
    } catch (error) {
      // Ours, and not begun: handed back, they need not wait for the lease, and have lost no attempt.
      for (const delivery of claimed)
        if (!running.has(delivery.id)) released.push({ delivery, delayMs: NOT_MADE_DELAY_MS });
      throw error;
    }
  }

  async function endpointsOf(claimed: readonly StoredDelivery[]): Promise<Map<string, StoredEndpoint>> {
    const receivers = new Set(claimed.map(({ receiver }) => receiver));
    const endpoints = await store.endpoints.byIds([...receivers].filter((id) => id !== CALLBACK));
    return new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  }

  function begin(delivery: StoredDelivery, endpoint: StoredEndpoint | null): void {
    const attempt = attemptOnce(delivery, endpoint)
      .catch((error: unknown) => {
        logger.warn({ err: error, ...named(delivery) }, 'an attempt could not be made; it follows later');
        released.push({ delivery, delayMs: NOT_MADE_DELAY_MS });
      })
      .finally(() => {
        running.delete(delivery.id);
        deps.onEnd();
      });
    running.set(delivery.id, { host: delivery.host, attempt });
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
  }

  async function settle(ended: readonly Settlement[]): Promise<void> {
    if ((await failpoint('webhook.before_mark')) === 'duplicate') await store.deliveries.settle(run, ended);
    await store.deliveries.settle(run, ended);
  }

  async function attemptOnce(delivery: StoredDelivery, endpoint: StoredEndpoint | null): Promise<void> {
    const target = await targetOf(delivery, endpoint);
    if (typeof target === 'string') {
      endWithout(delivery, target);
      return;
    }
    const outgoing = { ...target, signal: stopping.signal };
    if ((await failpoint('webhook.before_send')) === 'duplicate') await deps.sender.send(outgoing);
    const result = await deps.sender.send(outgoing);
    await failpoint('webhook.after_send');
    if (stopping.signal.aborted && result.kind === 'failed') {
      released.push({ delivery, delayMs: 0 });
      return;
    }
    noteHost(delivery.host, result);
    const verdict = judgeAttempt(result, {
      attempts: delivery.attempts,
      isRepeatable: delivery.type !== 'webhook.test',
      random: Math.random(),
      delaysMs: deps.delaysMs,
    });
    settlements.push(settlementOf(delivery, result, verdict));
    sayResult(delivery, result, verdict);
    if (endpoint) await noteEndpoint(endpoint, result, verdict);
  }

  /** What is sent where, or why there is nothing to send. */
  async function targetOf(
    delivery: StoredDelivery,
    endpoint: StoredEndpoint | null,
  ): Promise<Omit<Outgoing, 'signal'> | DeliveryError> {
    if (delivery.receiver !== CALLBACK && endpoint === null) return 'endpoint_deleted';
    if (endpoint?.status === 'disabled') return 'endpoint_disabled';
    try {
      const { messageId } = delivery;
      const atMs = clock.now();
      const [url, secrets, body] = await Promise.all([
        endpoint
          ? openEndpoint(vault, endpoint.id, 'url', endpoint.url)
          : openMessage(vault, messageId, 'url', delivery.url!).then(String),
        endpoint ? validSecrets(endpoint, atMs) : deps.secretOf(delivery.keyId).then((secret) => [secret]),
        openMessage(vault, messageId, 'body', delivery.body),
      ]);
      return { url, body, headers: webhookHeaders({ id: messageId, atMs, body }, secrets) };
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      logger.error({ err: error, ...named(delivery) }, 'a webhook cannot be decrypted');
      return 'unreadable';
    }
  }

  async function validSecrets(endpoint: StoredEndpoint, now: number): Promise<string[]> {
    const secrets = await openSecrets(vault, endpoint.id, endpoint.secrets);
    return secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret);
  }

  function endWithout(delivery: StoredDelivery, error: DeliveryError): void {
    const nothing = { responseStatus: null, latencyMs: null, excerpt: null };
    settlements.push({ delivery, state: 'failed', delayMs: 0, error, ...nothing });
    logger.info({ ...named(delivery), error }, 'a webhook has nowhere to go');
  }

  function settlementOf(delivery: StoredDelivery, result: SendResult, verdict: Verdict): Settlement {
    const isAnswered = result.kind === 'answered';
    return {
      delivery,
      ...verdict,
      responseStatus: isAnswered ? result.status : null,
      latencyMs: result.latencyMs,
      excerpt:
        isAnswered && result.excerpt.length > 0 ? sealExcerpt(vault, delivery.id, result.excerpt) : null,
    };
  }

  function noteHost(host: string, result: SendResult): void {
    if (result.kind === 'failed' && result.error === 'timeout') {
      if (hanging.size >= REMEMBERED_HOSTS) hanging.clear();
      hanging.add(host);
    } else hanging.delete(host);
  }

  async function noteEndpoint(endpoint: StoredEndpoint, result: SendResult, verdict: Verdict): Promise<void> {
    const { id, failingSince } = endpoint;
    const now = clock.now();
    if (verdict.state === 'delivered') {
      if (failingSince !== null) await store.endpoints.change(id, { failingSince: null });
      return;
    }
    const reason = reasonToDisable(result, endpoint, { now, failingMs: deps.failingMs });
    if (reason) await deps.disable(endpoint, reason);
    else if (failingSince === null)
      await store.endpoints.change(id, { failingSince: now }, { failingSince: null });
  }

  function sayResult(delivery: StoredDelivery, result: SendResult, { state, error }: Verdict): void {
    const status = result.kind === 'answered' ? result.status : undefined;
    const fields = { ...named(delivery), status, error, ms: result.latencyMs, attempts: delivery.attempts };
    deps.told?.webhook({
      ...{ state, error, deliveryId: delivery.id, keyId: delivery.keyId, requestId: delivery.requestId },
      ...{ host: delivery.host, attempts: delivery.attempts, httpStatus: status },
    });
    if (state === 'delivered') logger.debug(fields, 'webhook delivered');
    else if (state === 'pending') logger.info(fields, 'webhook failed; it is tried again');
    else logger.warn(fields, 'webhook failed for good');
  }

  return {
    pump,
    quiet: () => {
      isQuiet = true;
    },
    rest: async (graceMs) => {
      const all = Promise.all([...running.values()].map(({ attempt }) => attempt));
      const timer = setTimeout(() => stopping.abort(), graceMs);
      await all;
      clearTimeout(timer);
    },
  };
}

/** Nothing of a URL but its host gets into the log. */
function named({ id, host }: StoredDelivery): { deliveryId: string; host: string } {
  return { deliveryId: id, host };
}
