/** Whether somebody is who they say: password and second factor, with the same answer and work whoever is named. */
import type { SignIn, StepUp } from '../../kernel/contract.generated.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import type { Lockout } from './lockout.ts';
import type { Passwords } from './passwords.ts';
import type { SecondFactor } from './second-factor.ts';
import type { StoredUser, UserStore } from './user-store.ts';

/** Those of a person give the person with the very password that was checked: it may be another one by now. */
export interface Proof {
  /** Throws `unauthorized`, `totp_required` or `blocked`; of all but the last `failed` is told first. */
  ofSignIn(input: SignIn, address: string, failed: Failed): Promise<StoredUser>;
  /** With a code where a second factor is on, else with the password. */
  ofPresence(user: StoredUser, input: StepUp, address: string): Promise<void>;
  ofPassword(user: StoredUser, password: string, address: string): Promise<StoredUser>;
}

/** The person of the name that was given, if there is one, and what comes of the failure. */
type Failed = (user: StoredUser | null, why: Why) => Promise<void>;

interface Why {
  readonly error: unknown;
  /** Seconds until the next try. */
  readonly waitS: number;
}

interface ProofDeps {
  readonly store: UserStore;
  readonly passwords: Passwords;
  readonly secondFactor: SecondFactor;
  readonly lockout: Lockout;
}

export function createProof({ store, passwords, secondFactor, lockout }: ProofDeps): Proof {
  /** A try that gets no further than this counts as failed. */
  async function tried<T>(
    { name, address, failed }: { name: string; address: string; failed?: (why: Why) => Promise<void> },
    work: () => Promise<T>,
  ): Promise<T> {
    const waitS = await lockout.claim(name, address);
    const result = await work().catch(async (error: unknown) => {
      await failed?.({ error, waitS });
      throw error;
    });
    await lockout.passed(name, address);
    return result;
  }

  /** Null when the password is not right. */
  async function withPassword(user: StoredUser | null, password: string): Promise<StoredUser | null> {
    const { isRight, isOutdated } = await passwords.check(user?.passwordHash ?? null, password);
    if (!isRight || !user || !isOutdated) return isRight ? user : null;
    const passwordHash = await passwords.hash(password);
    return (await store.replacePassword(user.id, user.passwordHash, passwordHash))
      ? { ...user, passwordHash }
      : null;
  }

  function ofPassword(user: StoredUser, password: string, address: string): Promise<StoredUser> {
    return tried({ name: user.name, address }, async () => {
      const right = await withPassword(user, password);
      if (!right) throw notRight('The password is not right.');
      return right;
    });
  }

  return {
    ofSignIn: async ({ name: given, password, code }, address, failed) => {
      const name = given.toLowerCase();
      const found = await store.byName(name);
      return tried({ name, address, failed: (why) => failed(found, why) }, async () => {
        const user = await withPassword(found, password);
        if (!user || user.status !== 'active') throw notRight();
        if (!user.totpSecret) return user;
        if (code === undefined) throw fail('totp_required');
        if (!(await secondFactor.accept(user, code))) throw notRight();
        return user;
      });
    },
    ofPassword,
    ofPresence: async (user, { password, code }, address) => {
      if (!user.totpSecret && password !== undefined) return void (await ofPassword(user, password, address));
      if (!user.totpSecret || code === undefined) throw missing(user.totpSecret ? 'code' : 'password');
      await tried({ name: user.name, address }, async () => {
        if (!(await secondFactor.accept(user, code))) throw notRight('The code is not right.');
      });
    },
  };
}

export function notRight(detail = 'The name, the password or the code is not right.'): FilaError {
  return fail('unauthorized', { detail });
}

function missing(what: 'code' | 'password'): FilaError {
  return fail('validation_failed', {
    detail: what === 'code' ? 'A second factor is on: its code is the proof.' : 'The password is the proof.',
    errors: [{ pointer: `/${what}`, detail: 'is missing' }],
  });
}
