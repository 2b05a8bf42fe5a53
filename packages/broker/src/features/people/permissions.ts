/** Who may do what: the one table that every admin route is held to. What is not in it is not allowed. */
import { fail, type FilaError } from '../../kernel/errors.ts';

/** Each may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'admin', 'super-admin'] as const;
export type Role = (typeof ROLES)[number];

interface Rule {
  /** The least of the roles that have it; `anyone`: whoever is signed in. */
  readonly least: Role | 'anyone';
  /** Only a person about themselves, or only whoever holds the admin token. */
  readonly only?: 'user' | 'admin_token';
  /** Never a scope of a service token: it would make itself a person. */
  readonly isForPeople?: true;
  /** A person must have proved within the last minutes that they are there. */
  readonly needsStepUp?: true;
  /** Also while a second factor is demanded that is not on yet. */
  readonly isOpen?: true;
}

function rules<const T extends Readonly<Record<string, Rule>>>(table: T): Readonly<Record<keyof T, Rule>> {
  return table;
}

export const PERMISSIONS = rules({
  'keys.read': { least: 'viewer' },
  'keys.write': { least: 'admin' },
  'plans.read': { least: 'viewer' },
  'plans.write': { least: 'admin' },
  'limits.read': { least: 'viewer' },
  'limits.lift': { least: 'operator' },
  'queues.read': { least: 'viewer' },
  'queues.switch': { least: 'operator' },
  'queues.write': { least: 'admin' },
  // They name hosts and folders.
  'settings.read': { least: 'operator' },
  'settings.write': { least: 'admin' },
  'overview.read': { least: 'viewer' },
  'requests.read': { least: 'viewer' },
  // It names who did something to them.
  'traces.read': { least: 'operator' },
  'usage.read': { least: 'viewer' },
  'requests.cancel': { least: 'operator' },
  'models.read': { least: 'viewer' },
  'models.preload': { least: 'operator' },
  'models.alias': { least: 'admin' },
  'upstreams.read': { least: 'viewer' },
  'upstreams.switch': { least: 'operator' },
  'upstreams.write': { least: 'admin' },
  // Metadata of requests may be about people.
  'dead_letters.read': { least: 'operator' },
  'dead_letters.write': { least: 'operator' },
  'operations.read': { least: 'viewer' },
  'operations.cancel': { least: 'operator' },
  'audit.read': { least: 'admin' },
  'audit.checkpoint': { least: 'admin' },
  'logs.read': { least: 'operator' },
  'verify.read': { least: 'viewer' },
  'verify.fix': { least: 'admin' },
  'users.read': { least: 'admin', isForPeople: true },
  'users.write': { least: 'super-admin', isForPeople: true, needsStepUp: true },
  'users.remove': { least: 'super-admin', isForPeople: true, needsStepUp: true },
  'users.reset': { least: 'super-admin', isForPeople: true, needsStepUp: true },
  'sessions.read': { least: 'admin', isForPeople: true },
  'sessions.revoke': { least: 'super-admin', isForPeople: true },
  'sessions.revoke_all': { least: 'super-admin', isForPeople: true, needsStepUp: true },
  'service_tokens.read': { least: 'admin', isForPeople: true },
  'service_tokens.write': { least: 'admin', isForPeople: true, needsStepUp: true },
  'service_tokens.revoke': { least: 'admin', isForPeople: true },
  'own.read': { least: 'anyone', isOpen: true },
  'own.session': { least: 'anyone', only: 'user', isOpen: true },
  'own.secure': { least: 'anyone', only: 'user', isOpen: true, needsStepUp: true },
  'setup.write': { least: 'super-admin', only: 'admin_token' },
});
export type Permission = keyof typeof PERMISSIONS;

/** Who calls an admin route. */
export interface Caller {
  readonly kind: 'admin_token' | 'user' | 'service_token';
  readonly id: string | null;
  readonly name: string;
  /** Null: only what its scopes name. */
  readonly role: Role | null;
  readonly scopes: readonly string[];
  readonly sessionId: string | null;
  /** Until when a dangerous call asks for no second proof; milliseconds since 1970. */
  readonly provedUntil: number;
  readonly mustEnrol: boolean;
}

/** Who holds it is on the machine, or was given it by who is. */
export const ADMIN_TOKEN: Caller = {
  ...{ kind: 'admin_token', id: null, name: 'admin token', role: 'super-admin', scopes: [] },
  ...{ sessionId: null, provedUntil: Number.MAX_SAFE_INTEGER, mustEnrol: false },
};

export function isPermission(name: string): name is Permission {
  return Object.hasOwn(PERMISSIONS, name);
}

/** Whether the caller has it at all; a fresh proof may be asked for on top. */
export function hasPermission({ kind, role, scopes }: Caller, permission: Permission): boolean {
  const { least, only, isForPeople } = PERMISSIONS[permission];
  if (only && only !== kind) return false;
  if (least === 'anyone') return true;
  if (role !== null) return ROLES.indexOf(role) >= ROLES.indexOf(least);
  return !isForPeople && scopes.includes(permission);
}

export function permissionsOf(caller: Caller): Permission[] {
  return Object.keys(PERMISSIONS).filter(
    (name) => isPermission(name) && hasPermission(caller, name),
  ) as Permission[];
}

/** Why the caller may not do this now, or null. */
export function refusalOf(caller: Caller, permission: Permission, nowMs: number): FilaError | null {
  const { needsStepUp, isOpen } = PERMISSIONS[permission];
  if (!hasPermission(caller, permission)) return fail('forbidden', { detail: `This needs ${permission}.` });
  if (caller.mustEnrol && !isOpen)
    return fail('forbidden', { detail: 'First switch a second factor on: fila totp enable.' });
  if (needsStepUp && caller.kind === 'user' && caller.provedUntil <= nowMs) return fail('step_up_required');
  return null;
}
