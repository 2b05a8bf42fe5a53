/** API keys: making, checking and changing them. */
import { createSecretKey, hash, randomBytes } from 'node:crypto';
import type { Place, Vault } from '../../engines/vault/vault.ts';
import type {
  ApiKey,
  CreateApiKey,
  CreatedApiKey,
  RotatedApiKey,
  UpdateApiKey,
} from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import {
  inheritedNames,
  limitsFromWire,
  limitsInForce,
  limitsOnWire,
  mapLimits,
  NO_LIMITS,
  type KeyLimits,
} from '../../kernel/key-limits.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { onceCommitted } from '../../kernel/written-together.ts';
import { hashKeySecret, isKeySecret, keyPrefix, newKeySecret } from './key-secret.ts';
import type { KeyChange, KeyStatus, KeyStore, StoredKey } from './key-store.ts';

/** A key that was accepted, as the rest of the broker knows it, with the limits that are in force. */
export interface AcceptedKey extends KeyLimits {
  readonly id: string;
  readonly name: string;
  readonly expiresAt: number | null;
  readonly plan: string | null;
}

export interface Keys extends Service {
  /** The key behind a secret, or null when there is none that may be used now. Never says why. */
  accept(secret: string): Promise<AcceptedKey | null>;
  /** Whether it was accepted here before; it may be so no more. Looks nothing up. */
  knows(secret: string): boolean;
  /** The limits in force of a key, remembered for a second; none for a key that does not exist. */
  limitsOf(id: string): Promise<KeyLimits>;
  /** Keys of which only so many requests may wait. */
  limitedInQueue(): Promise<string[]>;
  /** Keys that can still be used. */
  countWithPlan(plan: string): Promise<number>;
  /** What webhooks to callback URLs of this key are signed with. */
  webhookSecretOf(id: string): Promise<string>;
  create(input: CreateApiKey): Promise<CreatedApiKey>;
  get(id: string): Promise<ApiKey>;
  list(filter: { limit: number; before?: string; status?: KeyStatus }): Promise<ApiKey[]>;
  update(id: string, input: UpdateApiKey): Promise<ApiKey>;
  suspend(id: string): Promise<ApiKey>;
  resume(id: string): Promise<ApiKey>;
  /** A new secret; the one before is accepted as well until the overlap is over, and one before that no more. */
  rotate(id: string, overlapSeconds?: number): Promise<RotatedApiKey>;
  /** Final. Revoking twice is no error. */
  revoke(id: string): Promise<ApiKey>;
}

interface KeysDeps {
  readonly store: KeyStore;
  readonly vault: Vault;
  /** What a plan allows, no older than a second; null when there is none of this name. */
  readonly planLimits: (plan: string) => Promise<KeyLimits | null>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long another broker's change may go unseen. */
const REMEMBERED_MS = 1_000;
const REMEMBERED_KEYS = 10_000;
const PEPPER_VERSION = 1;
/** As the contract promises. */
const DEFAULT_OVERLAP_S = 86_400;
const NOTE_USE_EVERY_MS = 10_000;
/** Written with less precision than it is known, so that a busy key is one write a minute. */
const USE_PRECISION_MS = 60_000;

export function createKeys({ store, vault, planLimits, clock, logger }: KeysDeps): Keys {
  const pepper = createSecretKey(vault.derive(`key pepper ${PEPPER_VERSION}`));
  /** By the name of a secret. */
  const remembered = new Map<string, { key: StoredKey | null; until: number }>();
  const lookups = new Map<string, Promise<StoredKey | null>>();
  const secrets = new Map<string, { secret: Promise<string>; until: number }>();
  const rememberedIds = new Map<string, { key: StoredKey | null; until: number }>();
  const accepted = new WeakMap<StoredKey, { plan: KeyLimits | undefined; key: AcceptedKey }>();
  const good = new Set<string>();
  const lastUsed = new Map<string, number>();

  async function accept(secret: string): Promise<AcceptedKey | null> {
    const name = nameOf(secret);
    const now = clock.now();
    const known = remembered.get(name);
    const key = known && known.until > now ? known.key : await lookUp(name, secret);
    if (!key || key.status !== 'active' || (key.expiresAt !== null && key.expiresAt <= now)) return null;
    lastUsed.set(key.id, now - (now % USE_PRECISION_MS));
    if (good.size >= REMEMBERED_KEYS) good.clear();
    good.add(name);
    return inForce(key, key.plan === null ? undefined : await planOf(key));
  }

  /** The same object as long as nothing about it changes. */
  function inForce(key: StoredKey, plan: KeyLimits | undefined): AcceptedKey {
    const known = accepted.get(key);
    if (known?.plan === plan && known) return known.key;
    const { id, name, expiresAt, plan: planName } = key;
    const made = { id, name, expiresAt, plan: planName, ...limitsInForce(key, plan) };
    accepted.set(key, { plan, key: made });
    return made;
  }

  async function planOf({ plan }: StoredKey): Promise<KeyLimits | undefined> {
    return plan === null ? undefined : ((await planLimits(plan)) ?? undefined);
  }

  async function limitsOf(id: string): Promise<KeyLimits> {
    let known = rememberedIds.get(id);
    if (!known || known.until <= clock.now()) {
      if (rememberedIds.size >= REMEMBERED_KEYS) rememberedIds.clear();
      known = { key: await store.byId(id), until: clock.now() + REMEMBERED_MS };
      rememberedIds.set(id, known);
    }
    return known.key ? inForce(known.key, await planOf(known.key)) : NO_LIMITS;
  }

  async function lookUp(name: string, secret: string): Promise<StoredKey | null> {
    if (!isKeySecret(secret)) return null;
    return lookups.get(name) ?? readKey(name, hashKeySecret(pepper, secret));
  }

  async function limitedInQueue(): Promise<string[]> {
    const keys = await store.maybeLimitedInQueue();
    const limited = await Promise.all(
      keys.map(async (key) => (limitsInForce(key, await planOf(key)).maxQueued > 0 ? [key.id] : [])),
    );
    return limited.flat();
  }

  function readKey(name: string, secretHash: Buffer): Promise<StoredKey | null> {
    const lookup = readHash(secretHash)
      .then((key) => {
        if (lookups.get(name) !== lookup) return key;
        if (remembered.size >= REMEMBERED_KEYS) remembered.clear();
        const until = clock.now() + REMEMBERED_MS;
        const isPrevious = key !== null && !key.secretHash.equals(secretHash);
        remembered.set(name, { key, until: isPrevious ? Math.min(until, key.previousUntil ?? 0) : until });
        if (key && rememberedIds.size < REMEMBERED_KEYS) rememberedIds.set(key.id, { key, until });
        return key;
      })
      .finally(() => {
        if (lookups.get(name) === lookup) lookups.delete(name);
      });
    lookups.set(name, lookup);
    return lookup;
  }

  async function readHash(secretHash: Buffer): Promise<StoredKey | null> {
    await failpoint('authenticate.lookup');
    return store.byHash(secretHash, clock.now());
  }

  /** What is being read now may be older than a change: nobody who comes later may be given it. */
  function forget(): void {
    remembered.clear();
    rememberedIds.clear();
    lookups.clear();
    secrets.clear();
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
    const plan = await checkedPlan(input.plan ?? null);
    const id = newId('key', clock.now());
    const secret = newKeySecret();
    const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`;
    const key: StoredKey = {
      id,
      name: input.name,
      prefix: keyPrefix(secret),
      secretHash: hashKeySecret(pepper, secret),
      ...{ previousHash: null, previousUntil: null },
      pepperVersion: PEPPER_VERSION,
      webhookSecret: vault.seal(webhookSecretPlace(id), Buffer.from(webhookSecret)),
      status: 'active',
      plan,
      ...mapLimits(() => null),
      ...limitsFromWire(input),
      flags: 0,
      expiresAt: expiry(input.expires_at),
      lastUsedAt: null,
      createdAt: clock.now(),
      revokedAt: null,
    };
    await store.insert(key);
    logger.info({ keyId: id, name: key.name }, 'key created');
    return { ...(await toWire(key)), key: secret, webhook_secret: webhookSecret };
  }

  async function rotate(id: string, overlapSeconds = DEFAULT_OVERLAP_S): Promise<RotatedApiKey> {
    const key = await stored(id);
    const secret = newKeySecret();
    const isDone = await store.rotate(id, key.secretHash, {
      secretHash: hashKeySecret(pepper, secret),
      prefix: keyPrefix(secret),
      pepperVersion: PEPPER_VERSION,
      ...(overlapSeconds > 0
        ? { previousHash: key.secretHash, previousUntil: clock.now() + overlapSeconds * 1000 }
        : { previousHash: null, previousUntil: null }),
    });
    if (!isDone)
      throw fail('conflict', {
        detail:
          key.status === 'revoked'
            ? 'The key is revoked; this is not possible any more.'
            : 'The key was changed meanwhile.',
      });
    forget();
    logger.info({ keyId: id, overlapSeconds }, 'key rotated');
    return { ...(await toWire(await stored(id))), key: secret };
  }

  async function checkedPlan(plan: string | null): Promise<string | null> {
    if (plan === null || (await planLimits(plan))) return plan;
    throw fail('validation_failed', {
      detail: `There is no plan ${plan}.`,
      errors: [{ pointer: '/plan', detail: 'must be the name of a plan' }],
    });
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

  /** Asked for with every callback, so it is remembered as keys are. */
  function webhookSecretOf(id: string): Promise<string> {
    const known = secrets.get(id);
    if (known && known.until > clock.now()) return known.secret;
    const secret = stored(id)
      .then((key) => vault.open(webhookSecretPlace(id), key.webhookSecret))
      .then(String);
    secret.catch(() => secrets.delete(id));
    if (secrets.size >= REMEMBERED_KEYS) secrets.clear();
    secrets.set(id, { secret, until: clock.now() + REMEMBERED_MS });
    return secret;
  }

  /** `from`: the states in which this may be done. */
  async function change(id: string, what: KeyChange, from: readonly KeyStatus[]): Promise<ApiKey> {
    const key = await stored(id);
    if (!from.includes(key.status) || !(await store.change(id, what, from)))
      throw fail('conflict', {
        detail: `The key is ${(await stored(id)).status}; this is not possible any more.`,
      });
    onceCommitted(forget);
    logger.info({ keyId: id, change: Object.keys(what), status: what.status }, 'key changed');
    return toWire(await stored(id));
  }

  async function toWire(key: StoredKey): Promise<ApiKey> {
    const { previousUntil } = key;
    const isPreviousGood = previousUntil !== null && previousUntil > clock.now();
    return {
      ...wireOf(key, limitsInForce(key, await planOf(key))),
      previous_secret_until: isPreviousGood ? new Date(previousUntil).toISOString() : null,
    };
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
    knows: (secret) => good.has(nameOf(secret)),
    limitsOf,
    limitedInQueue,
    countWithPlan: (plan) => store.countWithPlan(plan),
    webhookSecretOf,
    create,
    get: async (id) => toWire(await stored(id)),
    list: async (filter) => Promise.all((await store.list(filter)).map(toWire)),
    update: async (id, input) =>
      change(
        id,
        {
          ...(input.name === undefined ? {} : { name: input.name }),
          ...(input.plan === undefined ? {} : { plan: await checkedPlan(input.plan) }),
          ...limitsFromWire(input),
          ...(input.expires_at === undefined ? {} : { expiresAt: expiry(input.expires_at) }),
        },
        ['active', 'suspended'],
      ),
    rotate,
    suspend: (id) => change(id, { status: 'suspended' }, ['active', 'suspended']),
    resume: (id) => change(id, { status: 'active' }, ['active', 'suspended']),
    revoke: async (id) => {
      const key = await stored(id);
      if (key.status === 'revoked') return toWire(key);
      return change(id, { status: 'revoked', revokedAt: clock.now() }, ['active', 'suspended']);
    },
  };
}

/** In memory only, where it is compared many times a second; the database has the peppered one. */
function nameOf(secret: string): string {
  return hash('sha256', secret, 'base64');
}

function webhookSecretPlace(id: string): Place {
  return { table: 'api_keys', row: id, column: 'webhook_secret' };
}

function wireOf(key: StoredKey, limits: KeyLimits): ApiKey {
  const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    status: key.status,
    plan: key.plan,
    ...limitsOnWire(limits),
    inherited: inheritedNames(key),
    expires_at: iso(key.expiresAt),
    last_used_at: iso(key.lastUsedAt),
    created_at: new Date(key.createdAt).toISOString(),
    revoked_at: iso(key.revokedAt),
  };
}
