/** Sessions of people: signing in, proving again who one is, looking at what is open, ending it. */
import type { KeyObject } from 'node:crypto';
import type {
  EndedSessions,
  Session,
  SignedIn,
  SignIn,
  StepUp,
  SteppedUp,
  Whoami,
} from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import { fail } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import { endOf, type Callers, type SessionRules } from './callers.ts';
import { permissionsOf, type Caller } from './permissions.ts';
import { notRight, type Proof } from './proof.ts';
import type { SessionStore, StoredSession } from './session-store.ts';
import type { From, SignInActs } from './sign-in-acts.ts';
import { hashToken, newToken } from './token-secret.ts';
import type { StoredUser, UserStore } from './user-store.ts';
import { userOnWire } from './user-view.ts';

export interface Sessions {
  signIn(input: SignIn, from: From): Promise<SignedIn>;
  signOut(caller: Caller): Promise<EndedSessions>;
  stepUp(caller: Caller, input: StepUp, address: string): Promise<SteppedUp>;
  whoami(caller: Caller): Promise<Whoami>;
  /** Newest first; of everybody when nobody is named. */
  list(caller: Caller, userId?: string): Promise<Session[]>;
  /** Only sessions of `userId`, where one is named. */
  end(id: string, userId?: string): Promise<EndedSessions>;
  /** All but the one of the caller. */
  endOthers(caller: Caller, userId?: string): Promise<EndedSessions>;
}

interface SessionsDeps {
  readonly users: UserStore;
  readonly store: SessionStore;
  readonly callers: Callers;
  readonly proof: Proof;
  readonly acts: SignInActs;
  readonly pepper: KeyObject;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rules: SessionRules;
}

/** More than this, and the oldest ends. */
const MOST_OF_ONE = 20;
const LONGEST_CLIENT = 100;

export function createSessions(deps: SessionsDeps): Sessions {
  const { users, store, callers, proof, acts, pepper, clock, logger, rules } = deps;

  async function signIn(input: SignIn, from: From): Promise<SignedIn> {
    const user = await proof.ofSignIn(input, from.address, (who, why) => acts.failed(who, from, why));
    const token = newToken('sess');
    const now = clock.now();
    const longestMs = Math.max(rules.longestMs, rules.longestOfSuperAdminMs);
    const session: StoredSession = {
      ...{ id: newId('ses', now), userId: user.id, tokenHash: hashToken(pepper, token) },
      client: (input.client ?? from.client).slice(0, LONGEST_CLIENT),
      address: from.address,
      ...{ createdAt: now, lastUsedAt: now, expiresAt: now + longestMs, provedAt: now },
    };
    await acts.signedIn(user, from, async () => {
      await store.insert(session, MOST_OF_ONE);
      await users.change(user.id, { lastLoginAt: now });
    });
    await stillGood(user, session.id);
    logger.info({ userId: user.id, sessionId: session.id }, 'signed in');
    return {
      token,
      session: onWire(session, user, session.id),
      user: userOnWire({ ...user, lastLoginAt: now }),
    };
  }

  /** Whoever was suspended or reset while signing in: what ended their sessions has not seen this one. */
  async function stillGood({ id, passwordHash }: StoredUser, sessionId: string): Promise<void> {
    const now = await users.byId(id);
    if (now?.status === 'active' && now.passwordHash === passwordHash) return;
    await store.end({ id: sessionId });
    throw notRight();
  }

  async function personOf(caller: Caller): Promise<StoredUser> {
    const user = caller.kind === 'user' ? await users.byId(caller.id!) : null;
    if (!user) throw fail('unauthorized');
    return user;
  }

  async function ended(filter: { id?: string; userId?: string; except?: string }): Promise<EndedSessions> {
    const count = await store.end(filter);
    callers.forget();
    logger.info({ sessionId: filter.id, userId: filter.userId, count }, 'sessions ended');
    return { ended: count };
  }

  async function list(caller: Caller, userId?: string): Promise<Session[]> {
    const now = clock.now();
    const found = await store.list({ userId, notBefore: { lastUsedAt: now - rules.idleMs, now } });
    const people = new Map((await users.all()).map((user) => [user.id, user]));
    return found.flatMap((session) => {
      const user = people.get(session.userId);
      return user && endOf(session, user, rules) > now ? [onWire(session, user, caller.sessionId)] : [];
    });
  }

  function onWire(session: StoredSession, user: StoredUser, current: string | null): Session {
    const iso = (at: number): string => new Date(at).toISOString();
    return {
      ...{ id: session.id, user_id: user.id, user: user.name },
      ...{ client: session.client, address: session.address },
      created_at: iso(session.createdAt),
      last_used_at: iso(session.lastUsedAt),
      idle_until: iso(session.lastUsedAt + rules.idleMs),
      expires_at: iso(endOf(session, user, rules)),
      is_current: session.id === current,
    };
  }

  return {
    signIn,
    signOut: async (caller) => ended({ id: caller.sessionId! }),
    stepUp: async (caller, input, address) => {
      const user = await personOf(caller);
      await proof.ofPresence(user, input, address);
      const now = clock.now();
      await store.prove(caller.sessionId!, now);
      callers.forget();
      return { proved_until: new Date(now + rules.stepUpMs).toISOString() };
    },
    whoami: async (caller) => {
      const { kind, id, name, role, provedUntil, mustEnrol } = caller;
      const own = kind === 'user' ? await list(caller, id!) : [];
      const user = kind === 'user' ? await personOf(caller) : null;
      return {
        ...{ kind, id, name, role, permissions: permissionsOf(caller) },
        totp: user !== null && user.totpSecret !== null,
        session: own.find((one) => one.is_current) ?? null,
        proved_until: kind === 'user' ? new Date(provedUntil).toISOString() : null,
        must_enrol_totp: mustEnrol,
      };
    },
    list,
    end: async (id, userId) => {
      const result = await ended({ id, userId });
      if (result.ended === 0) throw fail('not_found', { detail: 'There is no such session.' });
      return result;
    },
    endOthers: (caller, userId) => ended({ userId, except: caller.sessionId ?? undefined }),
  };
}
