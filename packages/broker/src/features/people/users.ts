/** People who may administer the broker: making, changing, removing them, and handing out a way to a new password. */
import type { KeyObject } from 'node:crypto';
import type {
  CreateUser,
  PasswordReset,
  SetPassword,
  SetUp,
  UpdateUser,
  User,
} from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import { fail } from '../../kernel/errors.ts';
import { isId, newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Callers } from './callers.ts';
import { problemOfPassword } from './password-rules.ts';
import type { Passwords } from './passwords.ts';
import type { SecondFactor } from './second-factor.ts';
import type { SessionStore } from './session-store.ts';
import type { From, SignInActs } from './sign-in-acts.ts';
import { hashToken, newToken } from './token-secret.ts';
import type { Guarded, StoredUser, UserStore } from './user-store.ts';
import { userOnWire } from './user-view.ts';

export interface Users {
  /** The first super-admin; `conflict` when there is one. */
  setUp(input: SetUp): Promise<User>;
  /** By name. */
  list(): Promise<User[]>;
  get(id: string): Promise<User>;
  create(input: CreateUser): Promise<PasswordReset>;
  /** In force within a second; who is suspended has no sessions left. */
  update(id: string, input: UpdateUser): Promise<User>;
  /** The person as they were. */
  remove(id: string): Promise<User>;
  /** Takes the password and all sessions away; nobody but the person sees the new one. */
  resetPassword(id: string): Promise<PasswordReset>;
  /** Takes the second factor, its recovery codes and all sessions away. */
  resetTotp(id: string): Promise<User>;
  /** With a reset token, once. */
  setPassword(input: SetPassword, from: From): Promise<User>;
  /** Hashed; throws validation_failed at `pointer` for one that is easily guessed. */
  newPassword(password: string, name: string, pointer: string): Promise<string>;
}

interface UsersDeps {
  readonly store: UserStore;
  readonly sessions: SessionStore;
  readonly callers: Callers;
  readonly passwords: Passwords;
  readonly secondFactor: SecondFactor;
  readonly acts: SignInActs;
  readonly pepper: KeyObject;
  readonly clock: Clock;
  readonly logger: Logger;
}

const INVITED_MS = 24 * 60 * 60_000;
const RESET_MS = 15 * 60_000;

export function createUsers(deps: UsersDeps): Users {
  const { store, sessions, callers, passwords, secondFactor, acts, pepper, clock, logger } = deps;

  async function stored(id: string): Promise<StoredUser> {
    const user = isId('usr', id) ? await store.byId(id) : null;
    if (!user) throw fail('not_found', { detail: 'There is no such person.' });
    return user;
  }

  function newUser(name: string, role: StoredUser['role']): StoredUser {
    const now = clock.now();
    return {
      ...{ id: newId('usr', now), name, role, status: 'active', passwordHash: null },
      ...{ totpSecret: null, totpPending: null, totpLastStep: 0, resetHash: null, resetExpiresAt: null },
      ...{ lastLoginAt: null, createdAt: now },
    };
  }

  async function newPassword(password: string, name: string, pointer: string): Promise<string> {
    const problem = problemOfPassword(password, name);
    if (problem === null) return passwords.hash(password);
    throw fail('validation_failed', {
      detail: `The password ${problem}.`,
      errors: [{ pointer, detail: problem }],
    });
  }

  /** The token is good once and not for long: whoever reads it later has nothing. */
  function newReset(forMs: number) {
    const token = newToken('reset');
    const resetExpiresAt = clock.now() + forMs;
    const columns = { resetHash: hashToken(pepper, token), resetExpiresAt };
    const shown = { reset_token: token, expires_at: new Date(resetExpiresAt).toISOString() };
    return { columns, shown };
  }

  async function endSessions(userId: string): Promise<void> {
    await sessions.end({ userId });
    callers.forget();
  }

  async function guarded(outcome: Promise<Guarded>): Promise<void> {
    switch (await outcome) {
      case 'done':
        return callers.forget();
      case 'missing':
        throw fail('not_found', { detail: 'There is no such person.' });
      case 'last_super_admin':
        throw fail('conflict', { detail: 'This is the last super-admin who can sign in.' });
    }
  }

  async function setUp({ name, password }: SetUp): Promise<User> {
    const passwordHash = await newPassword(password, name, '/password');
    const user = { ...newUser(name, 'super-admin'), passwordHash };
    if (!(await store.insertFirst(user)))
      throw fail('conflict', { detail: 'There is a super-admin already, or somebody of this name.' });
    logger.info({ userId: user.id, role: user.role }, 'first super-admin made');
    return userOnWire(user);
  }

  async function create({ name, role }: CreateUser): Promise<PasswordReset> {
    const { columns, shown } = newReset(INVITED_MS);
    const user = { ...newUser(name, role), ...columns };
    if (!(await store.insert(user))) throw fail('conflict', { detail: `There is somebody called ${name}.` });
    logger.info({ userId: user.id, role }, 'person added');
    return { user: userOnWire(user), ...shown };
  }

  async function setPassword({ reset_token: token, password }: SetPassword, from: From): Promise<User> {
    const resetHash = hashToken(pepper, token);
    const user = await store.byReset(resetHash, clock.now());
    if (!user) throw notGood();
    const passwordHash = await newPassword(password, user.name, '/password');
    await acts.passwordSet(user, from, async () => {
      if (!(await store.redeem(resetHash, passwordHash, clock.now()))) throw notGood();
    });
    await endSessions(user.id);
    logger.info({ userId: user.id }, 'password set');
    return userOnWire(await stored(user.id));
  }

  return {
    setUp,
    newPassword,
    setPassword,
    create,
    list: async () => (await store.all()).map(userOnWire),
    get: async (id) => userOnWire(await stored(id)),
    update: async (id, input) => {
      await stored(id);
      await guarded(store.changeGuarded(id, input));
      if (input.status === 'suspended') await endSessions(id);
      logger.info({ userId: id, role: input.role, status: input.status }, 'person changed');
      return userOnWire(await stored(id));
    },
    remove: async (id) => {
      const user = await stored(id);
      await guarded(store.changeGuarded(id, null));
      await endSessions(id);
      logger.info({ userId: id }, 'person removed');
      return userOnWire(user);
    },
    resetPassword: async (id) => {
      await stored(id);
      const { columns, shown } = newReset(RESET_MS);
      await store.change(id, { ...columns, passwordHash: null });
      await endSessions(id);
      logger.info({ userId: id }, 'password reset');
      return { user: userOnWire(await stored(id)), ...shown };
    },
    resetTotp: async (id) => {
      await stored(id);
      await secondFactor.remove(id);
      await endSessions(id);
      logger.info({ userId: id }, 'second factor reset');
      return userOnWire(await stored(id));
    },
  };
}

function notGood() {
  return fail('unauthorized', { detail: 'The reset token is unknown, used or too old.' });
}
