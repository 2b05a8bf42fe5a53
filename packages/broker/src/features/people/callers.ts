/** Who is behind a token: a person's session or a program's own token, as it was a second ago at most. */
import { hash, type KeyObject } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import type { Caller } from './permissions.ts';
import type { ServiceTokenStore, StoredServiceToken } from './service-token-store.ts';
import type { SessionStore, StoredSession } from './session-store.ts';
import { hashToken, tokenKind } from './token-secret.ts';
import type { StoredUser, UserStore } from './user-store.ts';

export interface Callers {
  /** Null when there is none that may call now. Never says why. */
  accept(token: string): Promise<Caller | null>;
  /** Whether it was accepted here before; it may be so no more. Looks nothing up. */
  knows(token: string): boolean;
  /** Whoever is asked for next is looked up anew. */
  forget(): void;
  /** Writes who has called since. */
  noteUse(): Promise<void>;
}

export interface SessionRules {
  readonly idleMs: number;
  readonly longestMs: number;
  readonly longestOfSuperAdminMs: number;
  readonly stepUpMs: number;
  readonly requireTotp: boolean;
}

interface CallersDeps {
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly tokens: ServiceTokenStore;
  readonly pepper: KeyObject;
  readonly clock: Clock;
  readonly rules: SessionRules;
}

type Found =
  | { readonly session: StoredSession; readonly user: StoredUser }
  | { readonly token: StoredServiceToken }
  | null;

/** How long another broker's change may go unseen. */
const REMEMBERED_MS = 1_000;
const REMEMBERED = 10_000;
/** Written with less precision than it is known, so that a busy program is one write a minute. */
const TOKEN_PRECISION_MS = 60_000;

export function createCallers({ users, sessions, tokens, pepper, clock, rules }: CallersDeps): Callers {
  const remembered = new Map<string, { found: Found; until: number }>();
  const good = new Set<string>();
  const usedSessions = new Map<string, number>();
  const usedTokens = new Map<string, number>();
  /** What is being read while this goes up may be older than a change: it is not remembered. */
  let changes = 0;

  async function lookUp(name: string, token: string, kind: 'sess' | 'svc'): Promise<Found> {
    const before = changes;
    const found = await read(hashToken(pepper, token), kind);
    if (before !== changes) return found;
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(name, { found, until: clock.now() + REMEMBERED_MS });
    return found;
  }

  async function read(tokenHash: Buffer, kind: 'sess' | 'svc'): Promise<Found> {
    if (kind === 'svc') {
      const token = await tokens.byHash(tokenHash);
      return token && { token };
    }
    const session = await sessions.byHash(tokenHash);
    const user = session && (await users.byId(session.userId));
    return user && { session, user };
  }

  function callerOf(found: NonNullable<Found>, now: number): Caller | null {
    if ('token' in found) {
      const { id, name, scopes, expiresAt, revokedAt } = found.token;
      if (revokedAt !== null || expiresAt <= now) return null;
      usedTokens.set(id, now - (now % TOKEN_PRECISION_MS));
      const program = { kind: 'service_token', role: null, sessionId: null } as const;
      return { ...program, id, name, scopes, provedUntil: 0, mustEnrol: false };
    }
    const { session, user } = found;
    const lastUsedAt = Math.max(session.lastUsedAt, usedSessions.get(session.id) ?? 0);
    if (user.status !== 'active' || endOf(session, user, rules) <= now || lastUsedAt + rules.idleMs <= now)
      return null;
    usedSessions.set(session.id, now);
    return {
      ...{ kind: 'user', id: user.id, name: user.name, role: user.role, scopes: [], sessionId: session.id },
      provedUntil: session.provedAt + rules.stepUpMs,
      mustEnrol: rules.requireTotp && user.totpSecret === null,
    };
  }

  async function write(used: Map<string, number>, store: SessionStore | ServiceTokenStore): Promise<void> {
    const noted = new Map(used);
    used.clear();
    try {
      await store.noteUse(noted);
    } catch (error) {
      for (const [id, at] of noted) if (!used.has(id)) used.set(id, at);
      throw error;
    }
  }

  return {
    accept: async (token) => {
      const kind = tokenKind(token);
      if (kind === null || kind === 'reset') return null;
      const name = nameOf(token);
      const now = clock.now();
      const known = remembered.get(name);
      const found = known && known.until > now ? known.found : await lookUp(name, token, kind);
      const caller = found && callerOf(found, now);
      if (!caller) return null;
      if (good.size >= REMEMBERED) good.clear();
      good.add(name);
      return caller;
    },
    knows: (token) => good.has(nameOf(token)),
    forget: () => {
      changes += 1;
      remembered.clear();
    },
    noteUse: async () => {
      await write(usedSessions, sessions);
      await write(usedTokens, tokens);
    },
  };
}

/** A person made super-admin meanwhile has no longer than a super-admin has. */
export function endOf(session: StoredSession, { role }: StoredUser, rules: SessionRules): number {
  const longestMs = role === 'super-admin' ? rules.longestOfSuperAdminMs : rules.longestMs;
  return Math.min(session.expiresAt, session.createdAt + longestMs);
}

/** In memory only, where it is compared many times a second; the database has the peppered one. */
function nameOf(token: string): string {
  return hash('sha256', token, 'base64');
}
