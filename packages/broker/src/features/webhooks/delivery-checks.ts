/** What fila verify asks of webhooks: whoever was to be told of an end was told, and no delivery hangs in the air. */
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import type { RequestSummary } from '../requests/requests.ts';
import type { Checks } from '../verify/verify.ts';
import {
  DELIVERY_RULES,
  TYPES,
  type DeliveryCheckStore,
  type DeliveryRule,
  type Untold,
} from './delivery-check-store.ts';
import { eventDeliveries } from './event-deliveries.ts';
import type { LookUp } from './fan-out.ts';
import { CALLBACK, requestBody } from './webhook-events.ts';
import type { NewDelivery, WebhookStore } from './webhook-store.ts';

interface DeliveryChecksDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly lookUp: LookUp;
  /** How long the log keeps deliveries; of older ends it says nothing. */
  readonly logMs: () => number;
  /** There is something due. */
  readonly onMended: () => void;
}

const TOLD = 'ended-request-is-told';
const SAMPLE = 10;

export function createDeliveryChecks({ store, vault, lookUp, logMs, onMended }: DeliveryChecksDeps): Checks {
  const { checks } = store;
  const make = eventDeliveries(vault);
  const untold = (window: Parameters<DeliveryCheckStore['untold']>[0]) => checks.untold(window, logMs());

  /** A request that cannot be opened stays untold. */
  async function missingDeliveries(all: readonly Untold[]): Promise<NewDelivery[]> {
    const endpoints = await store.endpoints.byIds([...new Set(all.map(({ receiver }) => receiver))]);
    const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
    const requests = await lookUp([...new Set(all.map(({ requestId }) => requestId))]);
    const made: NewDelivery[] = [];
    for (const { requestId, keyId, state, completedAt, receiver } of all) {
      const request = readable(requests.get(requestId));
      if (!request) continue;
      const event = { requestId, keyId, type: TYPES[state]!, createdAt: completedAt };
      const body = requestBody(requestId, request, { type: event.type, at: completedAt });
      const endpoint = byId.get(receiver);
      if (endpoint) made.push(make.toEndpoint(event, endpoint, body).delivery);
      else if (receiver === CALLBACK && request.callback !== null)
        made.push(make.toCallback(event, request.callback, body).delivery);
    }
    return made;
  }

  async function tellTheUntold(): Promise<number> {
    let count = 0;
    for await (const window of checks.windows('requests')) {
      const missing = await missingDeliveries(await untold(window));
      await store.deliveries.add(missing);
      count += missing.length;
    }
    return count;
  }

  async function mendAll(rule: DeliveryRule): Promise<number> {
    let count = 0;
    for await (const window of checks.windows('webhook_deliveries'))
      count += await checks.mend(rule, await checks.broken(rule, window));
    return count;
  }

  return {
    find: async () => {
      const found = new Map<string, { count: number; sample: string[] }>();
      const note = (rule: string, names: readonly string[]): void => {
        if (names.length === 0) return;
        const { count, sample } = found.get(rule) ?? { count: 0, sample: [] };
        found.set(rule, { count: count + names.length, sample: [...sample, ...names].slice(0, SAMPLE) });
      };
      for await (const window of checks.windows('requests'))
        note(
          TOLD,
          (await untold(window)).map(({ requestId, receiver }) => `${requestId}/${receiver}`),
        );
      for await (const window of checks.windows('webhook_deliveries'))
        for (const rule of Object.keys(DELIVERY_RULES) as DeliveryRule[])
          note(rule, await checks.broken(rule, window));
      return [...found].map(([rule, what]) => ({ rule, ...what, ...wordsOf(rule) }));
    },
    mend: async (rule) => {
      const isOurs = rule === TOLD || rule in DELIVERY_RULES;
      if (!isOurs) return 0;
      const count = rule === TOLD ? await tellTheUntold() : await mendAll(rule as DeliveryRule);
      onMended();
      return count;
    },
  };
}

function wordsOf(rule: string): { about: string; remedy: string } {
  if (rule !== TOLD) {
    const { about, words } = DELIVERY_RULES[rule as DeliveryRule];
    return { about, remedy: words };
  }
  return { about: 'ends of requests that a receiver has no delivery of', remedy: 'delivered now' };
}

function readable(request: RequestSummary | Error | undefined): RequestSummary | null {
  if (request instanceof Error && !(request instanceof VaultError)) throw request;
  return request instanceof Error ? null : (request ?? null);
}
