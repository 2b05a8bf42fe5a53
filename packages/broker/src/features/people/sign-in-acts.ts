/** What signing in leaves in the audit trail: who came in, who was turned away, and when guessing made somebody wait. */
import { FilaError } from '../../kernel/errors.ts';
import type { Act, ActCall, Audit } from '../audit/audit.ts';
import type { StoredUser } from './user-store.ts';

/** Where a call comes from that nobody is known to make yet. */
export interface From {
  /** What counts as one address when tries are counted. */
  readonly address: string;
  readonly client: string;
  readonly ip: string;
  readonly requestId: string;
}

export interface SignInActs {
  /** `work` and the row are one transaction. */
  signedIn<T>(user: StoredUser, from: From, work: () => Promise<T>): Promise<T>;
  passwordSet<T>(user: StoredUser, from: From, work: () => Promise<T>): Promise<T>;
  /**
   * A try that was made and failed. Tries that are told to wait are not made and leave nothing, so that guessing fills
   * the trail no faster than it may go on. What was typed as a name is not kept: it may be a password.
   */
  failed(user: StoredUser | null, from: From, why: { error: unknown; waitS: number }): Promise<void>;
}

const NOBODY = { kind: 'anyone', id: null, name: null } as const;

export function createSignInActs({ perform }: Pick<Audit, 'perform'>): SignInActs {
  const actOn = (name: string, user: StoredUser | null): Act => ({
    ...{ name, kind: 'user', isOneTransaction: true, idOf: () => user?.id ?? null },
  });
  const callOf = ({ ip, requestId }: From, user: StoredUser | null): ActCall => ({
    actor: user ? { kind: 'user', id: user.id, name: user.name } : NOBODY,
    ...{ ip, requestId, reason: null, params: {}, body: undefined },
  });

  return {
    signedIn: (user, from, work) => perform(actOn('sessions.sign_in', user), callOf(from, user), work),
    passwordSet: (user, from, work) => perform(actOn('users.set_password', user), callOf(from, user), work),
    failed: async (user, from, { error, waitS }) => {
      if (!(error instanceof FilaError)) return;
      const call = callOf(from, null);
      const refused = perform(actOn('sessions.sign_in', user), call, () => Promise.reject(error));
      await refused.catch((again: unknown) => {
        if (again !== error) throw again;
      });
      if (waitS > 0) await perform(actOn('sessions.lock_out', user), call, async () => undefined);
    },
  };
}
