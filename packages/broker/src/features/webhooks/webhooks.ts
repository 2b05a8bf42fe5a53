/** Webhooks: tells receivers that a request has ended, signed, again and again until they have heard it. */
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { Told } from '../overview/overview.ts';
import type { Checks } from '../verify/verify.ts';
import { coalesced } from './coalesced.ts';
import { createDeliveryChecks } from './delivery-checks.ts';
import { createDeliveryLoop } from './delivery-loop.ts';
import { PLACES_PER_HOST } from './delivery-places.ts';
import { createDisable } from './disable-endpoint.ts';
import { createFanOut, type LookUp } from './fan-out.ts';
import { createMakeAttempt, type OpenCallback } from './make-attempt.ts';
import { rememberedEndpoints } from './remembered-endpoints.ts';
import { createSender } from './send-webhook.ts';
import { rememberedUrls } from './remembered-urls.ts';
import { addressGuard, type Resolve } from './ssrf-guard.ts';
import { createDeliveries, type WebhookDeliveries } from './webhook-deliveries.ts';
import { createTellEnd, type TellEnd } from './tell-end.ts';
import { createEndpoints, type WebhookEndpoints } from './webhook-endpoints.ts';
import type { WebhookStore } from './webhook-store.ts';

export type { LookUp } from './fan-out.ts';
export type { Telling } from './tell-end.ts';

/**
 * The transaction that ends a request adds one delivery a receiver, or, where whoever ends it cannot make them, an event
 * to the outbox, which becomes the deliveries in a transaction of its own. Either leases what there is room for; a
 * delivery that is leased is sent and settled, and one that is due is leased first. Whatever is cut off between two of
 * these steps happens again under the same message id: at least once, never with another id.
 */
export interface Webhooks extends Service {
  /** Before the end of a request is written: what is to stand in the same commit, and then to be sent. */
  readonly tellEnd: TellEnd;
  /** There may be something in the outbox. Returns at once. */
  wake(): void;
  /** Whether a key has endpoints, enabled or not. As old as a second, where another broker has changed it. */
  hasReceivers(keyId: string): Promise<boolean>;
  /** Why a URL cannot be a receiver, as far as the URL alone can tell; null when it can. */
  problemOfUrl(url: string): string | null;
  readonly endpoints: WebhookEndpoints;
  readonly deliveries: WebhookDeliveries;
  readonly checks: Checks;
}

export interface WebhookTimings {
  readonly sweepMs: number;
  /** How long an attempt may take; it is leased for twice the time. */
  readonly timeoutMs: number;
  /** After so long with nothing but failures an endpoint is disabled. */
  readonly failingMs: number;
  /** What running attempts get when the daemon stops. */
  readonly stopGraceMs: number;
  /** Waits before the second, third … attempt; those of Standard Webhooks unless given. */
  readonly retryDelaysMs?: () => readonly number[] | null;
}

interface WebhooksDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The name that leases carry. */
  readonly run: string;
  /** Runs whose process is dead for certain: what they had claimed is due at once. */
  readonly deadRuns: readonly string[];
  /** How long the log keeps deliveries that have ended. */
  readonly logMs: () => number;
  /** The webhook secret of a key. */
  readonly secretOf: (keyId: string) => Promise<string>;
  readonly openCallback: OpenCallback;
  readonly lookUp: LookUp;
  /** Hears how each attempt ends. */
  readonly told?: Pick<Told, 'webhook'>;
  /** Private networks that may be called all the same. */
  readonly allowCidrs: readonly string[];
  readonly resolve?: Resolve;
  readonly timings?: Partial<WebhookTimings>;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const TIMINGS: WebhookTimings = {
  sweepMs: 1_000,
  timeoutMs: 15_000,
  failingMs: 5 * DAY_MS,
  stopGraceMs: 5_000,
};
/** What is busy gathers for so long before it writes again; an event after a rest goes out at once. */
const GATHER_MS = 20;

export function createWebhooks(deps: WebhooksDeps): Webhooks {
  const { store, vault, clock, logger, run } = deps;
  const timings = { ...TIMINGS, ...deps.timings };
  const isAllowed = addressGuard(deps.allowCidrs);
  const known = rememberedUrls(isAllowed);
  const remembered = rememberedEndpoints(store.endpoints, clock);
  const stopping = new AbortController();
  const { signal } = stopping;
  let isStopped = true;
  let deadHaveClaims = deps.deadRuns.length > 0;

  const sender = createSender({
    ...{ clock, isAllowed, known, resolve: deps.resolve, timeoutMs: timings.timeoutMs, signal },
    connectionsPerHost: PLACES_PER_HOST,
  });
  const disable = createDisable({ store, vault, clock, logger });
  const loop = createDeliveryLoop({
    ...{ store, logger, run, leaseMs: 2 * timings.timeoutMs },
    attempt: createMakeAttempt({
      ...{
        store,
        vault,
        clock,
        logger,
        sender,
        secretOf: deps.secretOf,
        openCallback: deps.openCallback,
        signal,
        told: deps.told,
        failingMs: timings.failingMs,
      },
      delaysMs: () => {
        const own = timings.retryDelaysMs?.();
        return own ? [0, ...own] : undefined;
      },
      // Whoever is told of it has a delivery that is due.
      disable: (endpoint, reason) => disable(endpoint, reason).then(loop.expectDue),
      onEndpoint: remembered.forget,
    }),
    onEnd: () => void deliver(),
  });
  const deliver = coalesced(
    takeBackAndPump,
    (error) => logger.warn({ err: error }, 'webhooks that are due could not be taken; the next sweep will'),
    GATHER_MS,
  );
  const fanOut = createFanOut({ store, vault, logger, lookUp: deps.lookUp, endpoints: remembered, loop });
  const empty = coalesced(
    async () => {
      if (await fanOut()) void look();
    },
    (error) => logger.warn({ err: error }, 'the outbox could not be emptied; the next sweep will'),
    GATHER_MS,
  );

  async function takeBackAndPump(): Promise<void> {
    if (deadHaveClaims) {
      const count = await store.deliveries.takeBack(deps.deadRuns);
      deadHaveClaims = false;
      if (count > 0) logger.warn({ count }, 'webhooks of a run that ended without stopping are due again');
    }
    await loop.pump();
  }

  function look(): Promise<void> {
    loop.expectDue();
    return deliver();
  }

  const noError = (): void => undefined;
  const sweep = every(
    'webhooks sweep',
    timings.sweepMs,
    async () => {
      await empty();
      await look();
    },
    noError,
  );
  function deliverSoon(): void {
    if (!isStopped) void look();
  }

  async function hasReceivers(keyId: string): Promise<boolean> {
    return ((await remembered.ofKeys([keyId])).get(keyId)?.length ?? 0) > 0;
  }

  const endpoints = createEndpoints({
    ...{ store, vault, clock, logger, isAllowed },
    onChange: remembered.forget,
  });

  return {
    name: 'webhooks',
    tellEnd: createTellEnd({ vault, clock, logger, endpoints: remembered, loop, look: deliverSoon }),
    wake: () => {
      if (!isStopped) void empty();
    },
    hasReceivers,
    problemOfUrl: (url) => known(url).problem,
    endpoints,
    deliveries: createDeliveries({
      ...{ store, vault, clock, logger, endpoints },
      onNew: deliverSoon,
    }),
    checks: createDeliveryChecks({
      ...{ store, vault, lookUp: deps.lookUp, logMs: deps.logMs, onMended: deliverSoon },
    }),
    start: async () => {
      isStopped = false;
      await sweep.start();
      void empty();
      void look();
    },
    stop: async () => {
      if (isStopped) return;
      isStopped = true;
      await sweep.stop();
      // What the last requests came to is still sent, as far as there is room.
      await empty();
      await look();
      loop.quiet();
      // Twice: a run that is under way may still begin attempts, and what they come to has to be written.
      await deliver();
      await loop.rest(timings.stopGraceMs, () => stopping.abort());
      await empty();
      await deliver();
      await sender.close();
    },
  };
}
