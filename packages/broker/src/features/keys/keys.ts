/** API keys: making, checking and changing them. */
import { randomBytes } from 'node:crypto';
import type { Place, Vault } from '../../engines/vault/vault.ts';
import type { ApiKey, CreateApiKey, CreatedApiKey, UpdateApiKey } from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { hashKeySecret, isKeySecret, keyPrefix, newKeySecret } from './key-secret.ts';
import type { KeyChange, KeyStatus, KeyStore, StoredKey } from './key-store.ts';

/** A key that was accepted, as the rest of the broker knows it. */
export interface AcceptedKey {
  readonly id: string;
  readonly name: string;
  readonly expiresAt: number | null;
  readonly limitMinute: number;
  readonly limitHour: number;
  readonly limitDay: number;
}

export interface Keys extends Service {
  /** The key behind a secret, or null when there is none that may be used now. Never says why. */
  accept(secret: string): Promise<AcceptedKey | null>;
  /** What webhooks to callback URLs of this key are signed with. */
  webhookSecretOf(id: string): Promise<string>;
  create(input: CreateApiKey): Promise<CreatedApiKey>;
  get(id: string): Promise<ApiKey>;
  list(filter: { limit: number; before?: string; status?: KeyStatus }): Promise<ApiKey[]>;
  update(id: string, input: UpdateApiKey): Promise<ApiKey>;
  suspend(id: string): Promise<ApiKey>;
  resume(id: string): Promise<ApiKey>;
  /** Final. Revoking twice is no error. */
  revoke(id: string): Promise<ApiKey>;
}

interface KeysDeps {
  readonly store: KeyStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long another broker's change may go unseen. */
const REMEMBERED_MS = 1_000;
const REMEMBERED_KEYS = 10_000;
const PEPPER_VERSION = 1;
const NOTE_USE_EVERY_MS = 10_000;
/** Written with less precision than it is known, so that a busy key is one write a minute. */
const USE_PRECISION_MS = 60_000;

export function createKeys({ store, vault, clock, logger }: KeysDeps): Keys {
  const pepper = vault.derive(`key pepper ${PEPPER_VERSION}`);
  const remembered = new Map<string, { key: StoredKey | null; until: number }>();
  const lookups = new Map<string, Promise<StoredKey | null>>();
  const lastUsed = new Map<string, number>();

  async function accept(secret: string): Promise<AcceptedKey | null> {
    if (!isKeySecret(secret)) return null;
    const hash = hashKeySecret(pepper, secret);
    const key = await lookUp(hash);
    const now = clock.now();
    if (!key || key.status !== 'active' || (key.expiresAt !== null && key.expiresAt <= now)) return null;
    lastUsed.set(key.id, now - (now % USE_PRECISION_MS));
    return key;
  }

  async function lookUp(hash: Buffer): Promise<StoredKey | null> {
    const name = hash.toString('base64');
    const known = remembered.get(name);
    if (known && known.until > clock.now()) return known.key;
    return lookups.get(name) ?? readKey(name, hash);
  }

  function readKey(name: string, hash: Buffer): Promise<StoredKey | null> {
    const lookup = readHash(hash)
      .then((key) => {
        if (lookups.get(name) !== lookup) return key;
        if (remembered.size >= REMEMBERED_KEYS) remembered.clear();
        remembered.set(name, { key, until: clock.now() + REMEMBERED_MS });
        return key;
      })
      .finally(() => {
        if (lookups.get(name) === lookup) lookups.delete(name);
      });
    lookups.set(name, lookup);
    return lookup;
  }

  async function readHash(hash: Buffer): Promise<StoredKey | null> {
    await failpoint('authenticate.lookup');
    return store.byHash(hash);
  }

  /** What is being read now may be older than a change: nobody who comes later may be given it. */
  function forget(): void {
    remembered.clear();
    lookups.clear();
  }

  async function noteUse(): Promise<void> {
    if (lastUsed.size === 0) return;
    const noted = new Map(lastUsed);
    lastUsed.clear();
    try {
      await store.noteUse(noted);
    } catch (error) {
      for (const [id, at] of noted) if (!lastUsed.has(id)) lastUsed.set(id, at);
      throw error;
    }
  }

  const noting = every('note use of keys', NOTE_USE_EVERY_MS, noteUse, (error) =>
    logger.warn({ err: error }, 'the last use of keys could not be written'),
  );

  async function create(input: CreateApiKey): Promise<CreatedApiKey> {
    const id = newId('key', clock.now());
    const secret = newKeySecret();
    const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`;
    const key: StoredKey = {
      id,
      name: input.name,
      prefix: keyPrefix(secret),
      secretHash: hashKeySecret(pepper, secret),
      pepperVersion: PEPPER_VERSION,
      webhookSecret: vault.seal(webhookSecretPlace(id), Buffer.from(webhookSecret)),
      status: 'active',
      limitMinute: input.limit_minute ?? 0,
      limitHour: input.limit_hour ?? 0,
      limitDay: input.limit_day ?? 0,
      flags: 0,
      expiresAt: expiry(input.expires_at),
      lastUsedAt: null,
      createdAt: clock.now(),
      revokedAt: null,
    };
    await store.insert(key);
    logger.info({ keyId: id, name: key.name }, 'key created');
    return { ...toWire(key), key: secret, webhook_secret: webhookSecret };
  }

  function expiry(at: string | null | undefined): number | null {
    if (at === undefined || at === null) return null;
    const time = Date.parse(at);
    if (time > clock.now()) return time;
    throw fail('validation_failed', {
      detail: 'The key would have expired already.',
      errors: [{ pointer: '/expires_at', detail: 'must be in the future' }],
    });
  }

  async function stored(id: string): Promise<StoredKey> {
    const key = isId('key', id) ? await store.byId(id) : null;
    if (!key) throw fail('not_found', { detail: 'There is no such key.' });
    return key;
  }

  async function webhookSecretOf(id: string): Promise<string> {
    const key = await stored(id);
    return (await vault.open(webhookSecretPlace(id), key.webhookSecret)).toString();
  }

  /** `from`: the states in which this may be done. */
  async function change(id: string, what: KeyChange, from: readonly KeyStatus[]): Promise<ApiKey> {
    const key = await stored(id);
    if (!from.includes(key.status) || !(await store.change(id, what, from)))
      throw fail('conflict', {
        detail: `The key is ${(await stored(id)).status}; this is not possible any more.`,
      });
    forget();
    logger.info({ keyId: id, change: Object.keys(what), status: what.status }, 'key changed');
    return toWire(await stored(id));
  }

  return {
    name: 'keys',
    start: () => noting.start(),
    stop: async () => {
      await noting.stop();
      await noteUse().catch((error: unknown) =>
        logger.warn({ err: error }, 'the last use of keys could not be written'),
      );
    },
    accept,
    webhookSecretOf,
    create,
    get: async (id) => toWire(await stored(id)),
    list: async (filter) => (await store.list(filter)).map(toWire),
    update: async (id, input) =>
      change(
        id,
        {
          ...(input.name === undefined ? {} : { name: input.name }),
          ...(input.limit_minute === undefined ? {} : { limitMinute: input.limit_minute }),
          ...(input.limit_hour === undefined ? {} : { limitHour: input.limit_hour }),
          ...(input.limit_day === undefined ? {} : { limitDay: input.limit_day }),
          ...(input.expires_at === undefined ? {} : { expiresAt: expiry(input.expires_at) }),
        },
        ['active', 'suspended'],
      ),
    suspend: (id) => change(id, { status: 'suspended' }, ['active', 'suspended']),
    resume: (id) => change(id, { status: 'active' }, ['active', 'suspended']),
    revoke: async (id) => {
      const key = await stored(id);
      if (key.status === 'revoked') return toWire(key);
      return change(id, { status: 'revoked', revokedAt: clock.now() }, ['active', 'suspended']);
    },
  };
}

function webhookSecretPlace(id: string): Place {
  return { table: 'api_keys', row: id, column: 'webhook_secret' };
}

function toWire(key: StoredKey): ApiKey {
  const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    status: key.status,
    limit_minute: key.limitMinute,
    limit_hour: key.limitHour,
    limit_day: key.limitDay,
    expires_at: iso(key.expiresAt),
    last_used_at: iso(key.lastUsedAt),
    created_at: new Date(key.createdAt).toISOString(),
    revoked_at: iso(key.revokedAt),
  };
}
