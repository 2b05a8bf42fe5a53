/** Endpoints of a key: making, changing and removing them, and their secrets. */
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  CreatedWebhook,
  CreateWebhook,
  ListWebhooksQuery,
  UpdateWebhook,
  Webhook,
  WebhookList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import { newWebhookSecret } from './sign-webhook.ts';
import { problemOfUrl, type IsAllowed } from './ssrf-guard.ts';
import { openEndpoint, openSecrets, sealEndpoint, type Secrets } from './webhook-secrets.ts';
import type { StoredEndpoint, WebhookStore } from './webhook-store.ts';

/** Another key's endpoint does not exist here: not_found. */
export interface WebhookEndpoints {
  create(keyId: string, input: CreateWebhook): Promise<CreatedWebhook>;
  get(keyId: string, id: string): Promise<Webhook>;
  list(keyId: string, query: ListWebhooksQuery): Promise<WebhookList>;
  update(keyId: string, id: string, input: UpdateWebhook): Promise<Webhook>;
  /** What is on its way to it is given up. */
  remove(keyId: string, id: string): Promise<Webhook>;
  /** A new secret; calls are signed with the one before as well, until the overlap is over. */
  rotate(keyId: string, id: string, overlapSeconds?: number): Promise<CreatedWebhook>;
  /** Enabling twice is no error. */
  enable(keyId: string, id: string): Promise<Webhook>;
  /** As it is stored. */
  own(keyId: string, id: string): Promise<StoredEndpoint>;
}

interface EndpointDeps {
  readonly store: WebhookStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isAllowed: IsAllowed;
  /** Told when an endpoint of a key is there, changed or gone. */
  readonly onChange: (keyId: string) => void;
}

const MOST_PER_KEY = 20;
const MOST_SECRETS = 10;
const DEFAULT_OVERLAP_S = 24 * 60 * 60;
const DEFAULT_PAGE = 50;

export function createEndpoints(deps: EndpointDeps): WebhookEndpoints {
  const { store, vault, clock, logger } = deps;

  async function own(keyId: string, id: string): Promise<StoredEndpoint> {
    const endpoint = isId('whk', id) ? await store.endpoints.byId(id) : null;
    if (endpoint?.keyId !== keyId) throw fail('not_found', { detail: 'There is no such webhook.' });
    return endpoint;
  }

  function checkUrl(url: string): void {
    const problem = problemOfUrl(url, deps.isAllowed);
    if (problem === null) return;
    const errors = [{ pointer: '/url', detail: problem }];
    throw fail('validation_failed', { detail: `url ${problem}.`, errors });
  }

  function whereOf(id: string, url: string): Pick<StoredEndpoint, 'host' | 'url'> {
    return { host: new URL(url).host, url: sealEndpoint(vault, id, 'url', url) };
  }

  function sealSecrets(id: string, secrets: Secrets): Buffer {
    return sealEndpoint(vault, id, 'secrets', JSON.stringify(secrets));
  }

  async function create(keyId: string, input: CreateWebhook): Promise<CreatedWebhook> {
    checkUrl(input.url);
    if ((await store.endpoints.count(keyId)) >= MOST_PER_KEY)
      throw fail('conflict', { detail: `A key has at most ${MOST_PER_KEY} webhooks.` });
    const now = clock.now();
    const id = newId('whk', now);
    const secret = newWebhookSecret();
    const endpoint: StoredEndpoint = {
      ...{ id, keyId, ...whereOf(id, input.url) },
      ...{ events: asStored(input.events), subscribedAt: now },
      ...{ status: 'enabled', disabledReason: null, disabledAt: null, failingSince: null },
      ...{ createdAt: now, updatedAt: now },
      secrets: sealSecrets(id, [{ secret, until: null }]),
    };
    await store.endpoints.insert(endpoint);
    deps.onChange(keyId);
    logger.info({ endpointId: id, keyId, host: endpoint.host }, 'webhook created');
    return { ...(await view(endpoint)), secret };
  }

  async function update(keyId: string, id: string, input: UpdateWebhook): Promise<Webhook> {
    await own(keyId, id);
    if (input.url !== undefined) checkUrl(input.url);
    const where = input.url === undefined ? undefined : whereOf(id, input.url);
    const now = clock.now();
    await store.endpoints.change(id, {
      ...where,
      ...(input.events === undefined ? {} : { events: asStored(input.events), subscribedAt: now }),
      updatedAt: now,
    });
    deps.onChange(keyId);
    if (where) await store.deliveries.moveHost(id, where.host);
    logger.info({ endpointId: id, keyId, change: Object.keys(input) }, 'webhook changed');
    return view(await own(keyId, id));
  }

  async function rotate(
    keyId: string,
    id: string,
    overlapSeconds: number = DEFAULT_OVERLAP_S,
  ): Promise<CreatedWebhook> {
    const endpoint = await own(keyId, id);
    const now = clock.now();
    const secret = newWebhookSecret();
    const ends = now + overlapSeconds * 1000;
    const old = (await openSecrets(vault, id, endpoint.secrets))
      .map((one) => ({ ...one, until: one.until === null ? ends : Math.min(one.until, ends) }))
      .filter(({ until }) => until > now);
    const secrets = sealSecrets(id, [{ secret, until: null }, ...old].slice(0, MOST_SECRETS));
    // Two rotations at once would lose the secret that one of them has given out.
    const before = { secrets: endpoint.secrets };
    if (!(await store.endpoints.change(id, { secrets, updatedAt: now }, before)))
      throw fail('conflict', { detail: 'The secret was rotated at the same moment.' });
    deps.onChange(keyId);
    logger.info({ endpointId: id, keyId, overlapSeconds }, 'webhook secret rotated');
    return { ...(await view(await own(keyId, id))), secret };
  }

  async function view(endpoint: StoredEndpoint): Promise<Webhook> {
    const { id, events, status, disabledReason, disabledAt, failingSince } = endpoint;
    const [, before] = await openSecrets(vault, id, endpoint.secrets);
    const until = before?.until ?? null;
    return {
      id,
      url: await openEndpoint(vault, id, 'url', endpoint.url),
      events: events === null ? null : events.split(' '),
      status,
      disabled_reason: disabledReason,
      disabled_at: iso(disabledAt),
      failing_since: iso(failingSince),
      previous_secret_until: iso(until !== null && until > clock.now() ? until : null),
      created_at: new Date(endpoint.createdAt).toISOString(),
      updated_at: new Date(endpoint.updatedAt).toISOString(),
    };
  }

  return {
    create,
    own,
    update,
    rotate,
    get: async (keyId, id) => view(await own(keyId, id)),
    list: async (keyId, { limit = DEFAULT_PAGE, cursor }) => {
      if (cursor !== undefined && !isId('whk', cursor)) throw fail('invalid_cursor');
      const rows = await store.endpoints.list({ keyId, limit: limit + 1, before: cursor });
      const items = await Promise.all(rows.slice(0, limit).map(view));
      return { items, next_cursor: rows.length > limit ? items.at(-1)!.id : null };
    },
    remove: async (keyId, id) => {
      const removed = await view(await own(keyId, id));
      await store.remove(id);
      deps.onChange(keyId);
      logger.info({ endpointId: id, keyId }, 'webhook deleted');
      return removed;
    },
    enable: async (keyId, id) => {
      await own(keyId, id);
      const none = { disabledReason: null, disabledAt: null, failingSince: null };
      const now = clock.now();
      if (
        await store.endpoints.change(
          id,
          { status: 'enabled', ...none, updatedAt: now },
          { status: 'disabled' },
        )
      )
        logger.info({ endpointId: id, keyId }, 'webhook enabled');
      deps.onChange(keyId);
      return view(await own(keyId, id));
    },
  };
}

function asStored(events: readonly string[] | null | undefined): string | null {
  return events?.join(' ') ?? null;
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
