/** What people do about themselves: password, second factor, recovery codes. */
import type {
  ChangePassword,
  ConfirmTotp,
  RecoveryCodes,
  TotpEnrolment,
  User,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Callers } from './callers.ts';
import type { Caller } from './permissions.ts';
import { notRight, type Proof } from './proof.ts';
import type { SecondFactor } from './second-factor.ts';
import type { SessionStore } from './session-store.ts';
import type { StoredUser, UserStore } from './user-store.ts';
import type { Users } from './users.ts';
import { userOnWire } from './user-view.ts';

export interface Me {
  /** Ends all other sessions of the person. */
  changePassword(caller: Caller, input: ChangePassword, address: string): Promise<User>;
  enrolTotp(caller: Caller): Promise<TotpEnrolment>;
  confirmTotp(caller: Caller, input: ConfirmTotp): Promise<RecoveryCodes>;
  removeTotp(caller: Caller): Promise<User>;
  newRecoveryCodes(caller: Caller): Promise<RecoveryCodes>;
}

interface MeDeps {
  readonly store: UserStore;
  readonly users: Pick<Users, 'newPassword'>;
  readonly sessions: SessionStore;
  readonly callers: Callers;
  readonly proof: Proof;
  readonly secondFactor: SecondFactor;
  readonly logger: Logger;
}

export function createMe(deps: MeDeps): Me {
  const { store, users, sessions, callers, proof, secondFactor, logger } = deps;

  async function personOf(caller: Caller): Promise<StoredUser> {
    const user = caller.kind === 'user' ? await store.byId(caller.id!) : null;
    if (!user) throw fail('unauthorized');
    return user;
  }

  /** What was remembered about the person is no longer so. */
  async function changed(caller: Caller, what: string): Promise<User> {
    callers.forget();
    logger.info({ userId: caller.id }, what);
    return userOnWire(await personOf(caller));
  }

  return {
    changePassword: async (caller, { current_password, new_password }, address) => {
      const user = await proof.ofPassword(await personOf(caller), current_password, address);
      const passwordHash = await users.newPassword(new_password, user.name, '/new_password');
      if (!(await store.replacePassword(user.id, user.passwordHash, passwordHash))) throw notRight();
      await sessions.end({ userId: user.id, except: caller.sessionId! });
      return changed(caller, 'password changed');
    },
    enrolTotp: async (caller) => secondFactor.enrol(await personOf(caller)),
    confirmTotp: async (caller, { code }) => {
      const codes = await secondFactor.confirm(await personOf(caller), code);
      await changed(caller, 'second factor on');
      return codes;
    },
    removeTotp: async (caller) => {
      await secondFactor.remove((await personOf(caller)).id);
      return changed(caller, 'second factor off');
    },
    newRecoveryCodes: async (caller) => {
      const codes = await secondFactor.newRecoveryCodes(await personOf(caller));
      await changed(caller, 'new recovery codes');
      return codes;
    },
  };
}
