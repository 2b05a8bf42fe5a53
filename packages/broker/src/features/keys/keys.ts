/** API keys: making, checking and changing them. */
import { createSecretKey, randomBytes } from 'node:crypto';
import type { Place, Vault } from '../../engines/vault/vault.ts';
import type {
  ApiKey,
  CreateApiKey,
  CreatedApiKey,
  RotateApiKeyQuery,
  RotatedApiKey,
  UpdateApiKey,
} from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import { limitsFromWire, limitsInForce, mapLimits, type KeyLimits } from '../../kernel/key-limits.ts';
import { ALL_STORED_RIGHTS, rightsFromWire, type StoredRights } from '../../kernel/key-rights.ts';
import { isAddressOrNetwork } from '../../kernel/networks.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { onceCommitted } from '../../kernel/written-together.ts';
import {
  createAcceptedKeys,
  REMEMBERED_KEYS,
  REMEMBERED_MS,
  type AcceptedKey,
  type LimitedKey,
} from './accepted-keys.ts';
import { hashKeySecret, keyPrefix, newKeySecret } from './key-secret.ts';
import type { KeyChange, KeyStatus, KeyStore, StoredKey } from './key-store.ts';
import { viewOfKey } from './key-view.ts';

export { refuseOutside } from './refuse-outside.ts';

export type { AcceptedKey, LimitedKey };

export interface Keys extends Service {
  /**
   * The key behind a secret, or null when there is none that may be used now. Never says why. At once where it is
   * remembered: a promise for each call would cost more than the look.
   */
  accept(secret: string): AcceptedKey | null | Promise<AcceptedKey | null>;
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
  rotate(id: string, query?: RotateApiKeyQuery): Promise<RotatedApiKey>;
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

const PEPPER_VERSION = 1;
/** As the contract promises, both. */
const DEFAULT_OVERLAP_S = 86_400;
const LONGEST_WAIT_MS = 90 * 86_400_000;
/** Of a key that is good at once and for ever. */
const NO_TIMES = { notBefore: null, expiresAt: null };
const NOTE_USE_EVERY_MS = 10_000;

export function createKeys({ store, vault, planLimits, clock, logger }: KeysDeps): Keys {
  const pepper = createSecretKey(vault.derive(`key pepper ${PEPPER_VERSION}`));
  const secrets = new Map<string, { secret: Promise<string>; until: number }>();
  const known = createAcceptedKeys({ store, pepper, planOf, clock });

  async function planOf({ plan }: StoredKey): Promise<KeyLimits | undefined> {
    return plan === null ? undefined : ((await planLimits(plan)) ?? undefined);
  }

  async function limitedInQueue(): Promise<string[]> {
    const keys = await store.maybeLimitedInQueue();
    const limited = await Promise.all(
      keys.map(async (key) => (limitsInForce(key, await planOf(key)).maxQueued > 0 ? [key.id] : [])),
    );
    return limited.flat();
  }

  function forget(): void {
    known.forget();
    secrets.clear();
  }

  const noting = every('note use of keys', NOTE_USE_EVERY_MS, known.noteUse, (error) =>
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
      ...{ secretFrom: null, previousHash: null, previousUntil: null },
      pepperVersion: PEPPER_VERSION,
      webhookSecret: vault.seal(webhookSecretPlace(id), Buffer.from(webhookSecret)),
      status: 'active',
      plan,
      ...mapLimits(() => null),
      ...limitsFromWire(input),
      flags: 0,
      ...ALL_STORED_RIGHTS,
      ...checkedRights(input),
      ...{ notBefore: null, expiresAt: null, noticedExpiry: null },
      ...checkedTimes(input),
      lastUsedAt: null,
      createdAt: clock.now(),
      revokedAt: null,
    };
    await store.insert(key);
    logger.info({ keyId: id, name: key.name }, 'key created');
    return { ...(await toWire(key)), key: secret, webhook_secret: webhookSecret };
  }

  /** The secret that is in use now goes on until the overlap ends; one that was to come and has not is gone. */
  async function rotate(id: string, { overlap_seconds, at }: RotateApiKeyQuery = {}): Promise<RotatedApiKey> {
    const key = await stored(id);
    const secret = newKeySecret();
    const from = at === undefined ? null : rotationTime(at);
    const inUse = laterThanNow(key.secretFrom) ? key.previousHash : key.secretHash;
    const overlapMs = (overlap_seconds ?? DEFAULT_OVERLAP_S) * 1000;
    const previousUntil = (from ?? clock.now()) + overlapMs;
    const isDone = await store.rotate(id, key.secretHash, {
      secretHash: hashKeySecret(pepper, secret),
      secretFrom: from,
      prefix: keyPrefix(secret),
      pepperVersion: PEPPER_VERSION,
      ...(laterThanNow(previousUntil)
        ? { previousHash: inUse, previousUntil }
        : { previousHash: null, previousUntil: null }),
    });
    if (!isDone)
      throw fail('conflict', {
        detail:
          key.status === 'revoked'
            ? 'The key is revoked; this is not possible any more.'
            : 'The key was changed meanwhile.',
      });
    onceCommitted(forget);
    logger.info({ keyId: id, overlapMs, from: at }, 'key rotated');
    return { ...(await toWire(await stored(id))), key: secret };
  }

  function laterThanNow(at: number | null): boolean {
    return at !== null && at > clock.now();
  }

  function rotationTime(at: string): number {
    const time = Date.parse(at);
    if (laterThanNow(time) && time <= clock.now() + LONGEST_WAIT_MS) return time;
    throw wrong('/at', 'must be within the next 90 days', 'A rotation begins within the next 90 days.');
  }

  async function checkedPlan(plan: string | null): Promise<string | null> {
    if (plan === null || (await planLimits(plan))) return plan;
    throw wrong('/plan', 'must be the name of a plan', `There is no plan ${plan}.`);
  }

  /** `before`: what they are without the change. */
  function checkedTimes(
    { not_before: start, expires_at: end }: Pick<UpdateApiKey, 'not_before' | 'expires_at'>,
    before: { readonly notBefore: number | null; readonly expiresAt: number | null } = NO_TIMES,
  ): { notBefore?: number | null; expiresAt?: number | null } {
    const notBefore = start === undefined ? before.notBefore : timeOf(start);
    const expiresAt = end === undefined ? before.expiresAt : timeOf(end);
    if (end && !laterThanNow(expiresAt))
      throw wrong('/expires_at', 'must be in the future', 'The key would have expired already.');
    if ((start || end) && notBefore !== null && expiresAt !== null && notBefore >= expiresAt)
      throw wrong('/not_before', 'must be before expires_at', 'The key would expire before it is good.');
    return { ...(start === undefined ? {} : { notBefore }), ...(end === undefined ? {} : { expiresAt }) };
  }

  async function stored(id: string): Promise<StoredKey> {
    const key = isId('key', id) ? await store.byId(id) : null;
    if (!key) throw fail('not_found', { detail: 'There is no such key.' });
    return key;
  }

  /** Asked for with every callback, so it is remembered as keys are. */
  function webhookSecretOf(id: string): Promise<string> {
    const kept = secrets.get(id);
    if (kept && kept.until > clock.now()) return kept.secret;
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
    return viewOfKey(key, limitsInForce(key, await planOf(key)), clock.now());
  }

  return {
    name: 'keys',
    start: () => noting.start(),
    stop: async () => {
      await noting.stop();
      await known
        .noteUse()
        .catch((error: unknown) => logger.warn({ err: error }, 'the last use of keys could not be written'));
    },
    accept: known.accept,
    knows: known.knows,
    limitsOf: known.limitsOf,
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
          ...checkedRights(input),
          ...checkedTimes(input, await stored(id)),
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

function webhookSecretPlace(id: string): Place {
  return { table: 'api_keys', row: id, column: 'webhook_secret' };
}

function timeOf(at: string | null): number | null {
  return at === null ? null : Date.parse(at);
}

function checkedRights(input: UpdateApiKey): Partial<StoredRights> {
  const wrongAt = input.allowed_ips?.findIndex((one) => !isAddressOrNetwork(one)) ?? -1;
  if (wrongAt === -1) return rightsFromWire(input);
  throw wrong(
    `/allowed_ips/${wrongAt}`,
    'must be an address or a network in CIDR notation',
    'No such network.',
  );
}

function wrong(pointer: string, detail: string, what: string): FilaError {
  return fail('validation_failed', { detail: what, errors: [{ pointer, detail }] });
}
