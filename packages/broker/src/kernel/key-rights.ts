/** What a key may do, with what, and from where: as it is stored, on the wire, and as it is asked. */
import { fail, type FilaError } from './errors.ts';
import type { ApiKey } from './contract.generated.ts';
import { modelInFull } from './lanes.ts';
import { addressMatcher } from './networks.ts';

/** Every route for keys names one of them, or says that any key may call it. */
export const SCOPES = [
  'requests:write',
  'requests:read',
  'models:read',
  'models:write',
  'webhooks:write',
  'webhooks:read',
] as const;
export type Scope = (typeof SCOPES)[number];

/** What a key has only where its scopes name it: who may do all else does not delete models by that. */
export const BY_NAME_ONLY: readonly Scope[] = ['models:write'];

/** Null = whatever there is, also what comes later, but of scopes those that have to be named. */
export interface StoredRights {
  readonly scopes: readonly string[] | null;
  readonly allowedModels: readonly string[] | null;
  readonly allowedQueues: readonly string[] | null;
  readonly allowedIps: readonly string[] | null;
}

export interface KeyRights {
  readonly stored: StoredRights;
  hasScope(scope: Scope): boolean;
  /** In any spelling of its name that a request may use. */
  mayUseModel(model: string): boolean;
  mayUseQueue(queue: string): boolean;
  mayCallFrom(address: string): boolean;
}

export const ALL_STORED_RIGHTS: StoredRights = {
  ...{ scopes: null, allowedModels: null, allowedQueues: null, allowedIps: null },
};

const NAMES = {
  scopes: 'scopes',
  allowedModels: 'allowed_models',
  allowedQueues: 'allowed_queues',
  allowedIps: 'allowed_ips',
} as const satisfies Record<keyof StoredRights, keyof ApiKey>;
const PAIRS = Object.entries(NAMES) as [keyof StoredRights, (typeof NAMES)[keyof StoredRights]][];

type RightsOnWire = Pick<ApiKey, (typeof NAMES)[keyof StoredRights]>;

export function rightsOf(stored: StoredRights): KeyRights {
  const { scopes, allowedModels, allowedQueues, allowedIps } = stored;
  return {
    stored,
    hasScope: (scope) => (scopes === null ? !BY_NAME_ONLY.includes(scope) : scopes.includes(scope)),
    mayUseModel: modelMatcher(allowedModels),
    mayUseQueue: (queue) => allowedQueues === null || allowedQueues.includes(queue),
    mayCallFrom: allowedIps === null ? () => true : addressMatcher(allowedIps),
  };
}

export const ALL_RIGHTS = rightsOf(ALL_STORED_RIGHTS);

/** As Ollama does, capitals and small letters are one. */
function modelMatcher(allowed: readonly string[] | null): (model: string) => boolean {
  if (allowed === null) return () => true;
  const beginnings = allowed
    .filter((name) => name.endsWith('*'))
    .map((name) => name.slice(0, -1).toLowerCase());
  const names = new Set(allowed.map((name) => modelInFull(name).toLowerCase()));
  return (model) => {
    const name = modelInFull(model).toLowerCase();
    return names.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
  };
}

export function rightsOnWire(rights: StoredRights): RightsOnWire {
  const copies = PAIRS.map(([name, wire]) => [wire, rights[name] === null ? null : [...rights[name]]]);
  return Object.fromEntries(copies) as RightsOnWire;
}

/** Those that were given; the others are absent. */
export function rightsFromWire(given: Partial<RightsOnWire>): Partial<StoredRights> {
  return Object.fromEntries(
    PAIRS.filter(([, wire]) => given[wire] !== undefined).map(([name, wire]) => [name, given[wire]]),
  );
}

export function modelNotAllowed(model: string): FilaError {
  return fail('model_not_allowed', {
    detail: `This key may not use the model ${model}.`,
    errors: [{ pointer: '/model', detail: 'must be a model that the key may use' }],
  });
}
