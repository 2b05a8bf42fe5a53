/** Which keys are good now: looked up by their secrets, and remembered for a second. */
import { hash, type KeyObject } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { dueTogether, type RememberedFor } from '../../kernel/due-together.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { limitsInForce, NO_LIMITS, type KeyLimits } from '../../kernel/key-limits.ts';
import { rightsOf, type KeyRights } from '../../kernel/key-rights.ts';
import { readTogether } from '../../kernel/read-together.ts';
import { hashKeySecret, isKeySecret } from './key-secret.ts';
import type { KeyStore, StoredKey } from './key-store.ts';

/** A key with the limits that are in force. */
export interface LimitedKey extends KeyLimits {
  readonly id: string;
  readonly name: string;
  readonly expiresAt: number | null;
  readonly plan: string | null;
}

/** A key that was accepted, as the rest of the broker knows it. */
export interface AcceptedKey extends LimitedKey {
  readonly rights: KeyRights;
}

/** What was found for a secret. */
interface Remembered extends RememberedFor {
  readonly name: string;
  readonly key: StoredKey | null;
  readonly secretHash: Buffer;
  isUsed: boolean;
}

interface AcceptedKeysDeps {
  readonly store: KeyStore;
  readonly pepper: KeyObject;
  readonly planOf: (key: StoredKey) => Promise<KeyLimits | undefined>;
  readonly clock: Clock;
}

/** How long another broker's change may go unseen. */
export const REMEMBERED_MS = 1_000;
export const REMEMBERED_KEYS = 10_000;
/** Written with less precision than it is known, so that a busy key is one write a minute. */
const USE_PRECISION_MS = 60_000;

export function createAcceptedKeys({ store, pepper, planOf, clock }: AcceptedKeysDeps) {
  /** By the name of a secret. */
  const remembered = new Map<string, Remembered>();
  const lookups = new Map<string, Promise<StoredKey | null>>();
  const rememberedIds = new Map<string, { key: StoredKey | null; until: number }>();
  const accepted = new WeakMap<StoredKey, { plan: KeyLimits | undefined; key: AcceptedKey }>();
  const good = new Set<string>();
  const lastUsed = new Map<string, number>();
  let changes = 0;
  const due = dueTogether<Remembered>(clock);

  // Hundreds of keys that are busy together are read again every second.
  const byId = readTogether<StoredKey>(
    async (ids) => new Map((await store.byIds(ids)).map((key) => [key.id, key])),
  );

  function accept(secret: string): AcceptedKey | null | Promise<AcceptedKey | null> {
    const name = nameOf(secret);
    const now = clock.now();
    const known = remembered.get(name);
    if (known && known.until > now) {
      known.isUsed = true;
      return used(name, known.key, now);
    }
    return lookUp(name, secret, known).then((key) => {
      const found = remembered.get(name);
      if (found) found.isUsed = true;
      return used(name, key, now);
    });
  }

  function used(
    name: string,
    key: StoredKey | null,
    now: number,
  ): AcceptedKey | null | Promise<AcceptedKey | null> {
    if (!key || !isGood(key, now)) return null;
    lastUsed.set(key.id, now - (now % USE_PRECISION_MS));
    if (good.size >= REMEMBERED_KEYS) good.clear();
    good.add(name);
    return key.plan === null ? inForce(key, undefined) : planOf(key).then((plan) => inForce(key, plan));
  }

  /** The same object as long as nothing about it changes. */
  function inForce(key: StoredKey, plan: KeyLimits | undefined): AcceptedKey {
    const known = accepted.get(key);
    if (known?.plan === plan && known) return known.key;
    const { id, name, expiresAt, plan: planName } = key;
    const rights = known?.key.rights ?? rightsOf(key);
    const made = { id, name, expiresAt, plan: planName, rights, ...limitsInForce(key, plan) };
    accepted.set(key, { plan, key: made });
    return made;
  }

  async function limitsOf(id: string): Promise<KeyLimits> {
    let known = rememberedIds.get(id);
    if (!known || known.until <= clock.now()) {
      if (rememberedIds.size >= REMEMBERED_KEYS) rememberedIds.clear();
      const asked = changes;
      known = { key: await byId(id), until: clock.now() + REMEMBERED_MS };
      if (asked === changes) rememberedIds.set(id, known);
    }
    return known.key ? inForce(known.key, await planOf(known.key)) : NO_LIMITS;
  }

  async function lookUp(
    name: string,
    secret: string,
    known: Remembered | undefined,
  ): Promise<StoredKey | null> {
    if (known?.key) readAgain(known);
    if (!isKeySecret(secret)) return null;
    const underWay = lookups.get(name);
    if (underWay) return underWay;
    const secretHash = hashKeySecret(pepper, secret);
    return look(name, secretHash, () => store.byHash(secretHash, clock.now()));
  }

  /** And with it all that are in use and due soon. */
  function readAgain(first: Remembered): void {
    for (const { name, key, secretHash } of [first, ...due(remembered.values())]) {
      if (key === null || lookups.has(name)) continue;
      const found = look(name, secretHash, async () => goodFor(secretHash, await byId(key.id)));
      // Who needs it asks for it, and hears of it then.
      found.catch(() => undefined);
    }
  }

  /** As `store.byHash` would find it. */
  function goodFor(secretHash: Buffer, key: StoredKey | null): StoredKey | null {
    if (key === null) return null;
    const now = clock.now();
    if (key.secretHash.equals(secretHash)) return (key.secretFrom ?? now) <= now ? key : null;
    return key.previousHash?.equals(secretHash) && (key.previousUntil ?? now) > now ? key : null;
  }

  function look(
    name: string,
    secretHash: Buffer,
    read: () => Promise<StoredKey | null>,
  ): Promise<StoredKey | null> {
    const held = failpoint('authenticate.lookup');
    const lookup = (held ? held.then(read) : read())
      .then((key) => {
        if (lookups.get(name) !== lookup) return key;
        if (remembered.size >= REMEMBERED_KEYS) remembered.clear();
        const untilMs = clock.now() + REMEMBERED_MS;
        const isPrevious = key !== null && !key.secretHash.equals(secretHash);
        const until = isPrevious ? Math.min(untilMs, key.previousUntil ?? 0) : untilMs;
        remembered.set(name, { name, key, until, secretHash, isUsed: false });
        if (key && rememberedIds.size < REMEMBERED_KEYS) rememberedIds.set(key.id, { key, until: untilMs });
        return key;
      })
      .finally(() => {
        if (lookups.get(name) === lookup) lookups.delete(name);
      });
    lookups.set(name, lookup);
    return lookup;
  }

  return {
    accept,
    /** Whether it was accepted here before; it may be so no more. Looks nothing up. */
    knows: (secret: string): boolean => good.has(nameOf(secret)),
    limitsOf,
    /** What is being read now may be older than a change: nobody who comes later may be given it. */
    forget: (): void => {
      changes += 1;
      remembered.clear();
      rememberedIds.clear();
      lookups.clear();
    },
    /** Writes which keys were used since. */
    noteUse: async (): Promise<void> => {
      if (lastUsed.size === 0) return;
      const noted = new Map(lastUsed);
      lastUsed.clear();
      try {
        await store.noteUse(noted);
      } catch (error) {
        for (const [id, at] of noted) if (!lastUsed.has(id)) lastUsed.set(id, at);
        throw error;
      }
    },
  };
}

function isGood({ status, notBefore, expiresAt }: StoredKey, now: number): boolean {
  if (status !== 'active') return false;
  return (notBefore === null || notBefore <= now) && (expiresAt === null || expiresAt > now);
}

/** In memory only, where it is compared many times a second; the database has the peppered one. */
function nameOf(secret: string): string {
  return hash('sha256', secret, 'base64');
}
