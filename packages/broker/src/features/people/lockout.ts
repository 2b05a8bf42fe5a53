/** Who guesses passwords waits longer and longer, by person and by address, and never for good. */
import { createHmac, type KeyObject } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import type { LoginFailures, LoginFailureStore } from './login-failure-store.ts';

export interface Lockout {
  /**
   * Counts a try as failed before it is made, so that many at once gain nothing. Throws `blocked` while one of the two
   * must wait; a try that was refused lengthens nothing. The seconds to wait when this one fails.
   */
  claim(person: string, address: string): Promise<number>;
  /** The try was good after all: the person is forgotten, the address has one failure less. */
  passed(person: string, address: string): Promise<void>;
  /** Clean-up; how many there were. */
  forget(): Promise<number>;
}

const FREE_TRIES = 3;
const LONGEST_S = 15 * 60;
/** Longer than the longest wait. */
const REMEMBERED_MS = 60 * 60_000;
/** How often others may write first before this try is told to wait. */
const ROUNDS = 5;

/** How long nobody may try after so many failures: 0, 0, 0, 1, 2, 4 … seconds. */
export function waitSeconds(failures: number): number {
  return failures <= FREE_TRIES ? 0 : Math.min(2 ** (failures - FREE_TRIES - 1), LONGEST_S);
}

export function createLockout(store: LoginFailureStore, pepper: KeyObject, clock: Clock): Lockout {
  const subjectOf = (kind: 'person' | 'address', text: string): Buffer =>
    createHmac('sha256', pepper).update(`${kind}:${text}`).digest();

  async function claimOne(subject: Buffer): Promise<number> {
    for (let round = 0; round < ROUNDS; round++) {
      const now = clock.now();
      const seen = await store.get(subject);
      if (seen && seen.lockedUntil > now) throw waiting(seen.lockedUntil - now);
      const failures = 1 + (seen && now - seen.lastAt < REMEMBERED_MS ? seen.failures : 0);
      const waitS = waitSeconds(failures);
      const next: LoginFailures = { failures, lastAt: now, lockedUntil: now + waitS * 1000 };
      if (await store.put(subject, seen, next)) return waitS;
    }
    throw waiting(1000);
  }

  async function giveBack(subject: Buffer): Promise<void> {
    const seen = await store.get(subject);
    if (!seen) return;
    const next = { ...seen, failures: Math.max(0, seen.failures - 1), lockedUntil: 0 };
    // Whoever wrote first failed: then it stays as it is.
    await store.put(subject, seen, next);
  }

  return {
    claim: async (person, address) => {
      const ofAddress = await claimOne(subjectOf('address', address));
      return Math.max(ofAddress, await claimOne(subjectOf('person', person)));
    },
    passed: async (person, address) => {
      await store.remove(subjectOf('person', person));
      await giveBack(subjectOf('address', address));
    },
    forget: () => store.forget(clock.now() - REMEMBERED_MS),
  };
}

function waiting(leftMs: number): FilaError {
  return fail('blocked', {
    detail: 'Signing in failed too often. Wait, then try again.',
    retryAfter: Math.max(1, Math.ceil(leftMs / 1000)),
  });
}
