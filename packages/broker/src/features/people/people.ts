/** Who may administer the broker: people with roles and sessions, and programs with scoped tokens. */
import { createSecretKey } from 'node:crypto';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { FilaError } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { Audit } from '../audit/audit.ts';
import { createMe, type Me } from './me.ts';
import { createCallers, type Callers, type SessionRules } from './callers.ts';
import { createLockout } from './lockout.ts';
import { createPasswords } from './passwords.ts';
import type { PeopleStore } from './people-store.ts';
import { refusalOf, type Caller, type Permission } from './permissions.ts';
import { createProof } from './proof.ts';
import { createSecondFactor } from './second-factor.ts';
import { createServiceTokens, type ServiceTokens } from './service-tokens.ts';
import { createSignInActs } from './sign-in-acts.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createUsers, type Users } from './users.ts';

export interface People extends Service, Pick<Callers, 'accept' | 'knows'> {
  /** Why the caller may not do this now, or null. */
  refusalOf(caller: Caller, permission: Permission): FilaError | null;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly me: Me;
  readonly serviceTokens: ServiceTokens;
  /** Clean-up of sessions that ended by themselves, and of old failures; how many there were. */
  forget(): Promise<number>;
}

export interface PeopleSettings {
  readonly sessionIdleMinutes: number;
  readonly sessionHours: number;
  readonly superAdminSessionHours: number;
  readonly requireTotp: boolean;
}

interface PeopleDeps {
  readonly audit: Pick<Audit, 'perform'>;
  readonly store: PeopleStore;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: PeopleSettings;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const STEP_UP_MS = 5 * MINUTE_MS;
const NOTE_USE_EVERY_MS = 10_000;
const NOTED_AFTER_MS = MINUTE_MS;

export function createPeople({ audit, store, vault, clock, logger, settings }: PeopleDeps): People {
  const pepper = createSecretKey(vault.derive('people pepper 1'));
  const rules = rulesOf(settings);
  const passwords = createPasswords();
  const lockout = createLockout(store.loginFailures, pepper, clock);
  const secondFactor = createSecondFactor({ store: store.users, vault, pepper, clock });
  const proof = createProof({ store: store.users, passwords, secondFactor, lockout });
  const acts = createSignInActs(audit);
  const tokens = { pepper, clock, logger };
  const callers = createCallers({
    ...{ users: store.users, sessions: store.sessions, tokens: store.serviceTokens },
    ...{ pepper, clock, rules },
  });
  const users = createUsers({
    ...{ store: store.users, sessions: store.sessions, callers, passwords, secondFactor, acts, ...tokens },
  });
  const noted = (error: unknown): void =>
    logger.warn({ err: error }, 'the last use of sessions could not be written');
  const noting = every('note use of sessions', NOTE_USE_EVERY_MS, callers.noteUse, noted);

  return {
    name: 'people',
    start: () => noting.start(),
    stop: async () => {
      await noting.stop();
      await callers.noteUse().catch(noted);
    },
    accept: callers.accept,
    knows: callers.knows,
    refusalOf: (caller, permission) => refusalOf(caller, permission, clock.now()),
    users,
    sessions: createSessions({
      ...{ users: store.users, store: store.sessions, callers, proof, acts, rules, ...tokens },
    }),
    me: createMe({
      ...{ store: store.users, users, sessions: store.sessions, callers, proof, secondFactor, logger },
    }),
    serviceTokens: createServiceTokens({ store: store.serviceTokens, callers, ...tokens }),
    forget: async () => {
      const now = clock.now();
      // Another broker may know of a later use and not have written it yet.
      const lastUsedAt = now - rules.idleMs - NOTED_AFTER_MS;
      const ended = await store.sessions.forget({ lastUsedAt, now });
      return ended + (await lockout.forget());
    },
  };
}

function rulesOf(settings: PeopleSettings): SessionRules {
  return {
    idleMs: settings.sessionIdleMinutes * MINUTE_MS,
    longestMs: settings.sessionHours * HOUR_MS,
    longestOfSuperAdminMs: settings.superAdminSessionHours * HOUR_MS,
    stepUpMs: STEP_UP_MS,
    requireTotp: settings.requireTotp,
  };
}
