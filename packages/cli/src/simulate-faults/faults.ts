/** What can go wrong between a client and the broker, and which call it happens to. */

/** Every fault with what the client sees. */
export const FAULTS = {
  drop_before: 'The connection closes; the broker never sees the call.',
  drop_after: 'The broker does what it is asked, and the connection closes without a byte of the answer.',
  cut: 'The answer ends after `bytes` bytes (100 unless given) with its connection.',
  byte_by_byte: 'The answer is whole, and each of its bytes comes by itself.',
  hang: 'Nothing is ever answered; the broker never sees the call.',
  error_503: 'Status 503 `unavailable`, Retry-After: 1.',
  rate_limited: 'Status 429 `rate_limited`, Retry-After: 1.',
  proxy_502: 'Status 502 with an HTML page, as a proxy in between answers.',
  html_200: 'Status 200 with an HTML page, as a portal in between answers.',
  redirect: 'Status 302 to another address, which is not to be followed.',
  no_wait: 'The header Prefer does not reach the broker.',
  twice: 'The broker gets the call twice, as from a proxy that tries again; the second answer is passed on.',
} as const;

export type FaultName = keyof typeof FAULTS;

export interface FaultRule {
  readonly fault: FaultName;
  /** Of `cut`. */
  readonly bytes?: number;
}

/** What is given replaces what was there; what is left out stays. */
export interface FaultPatch {
  /** For the next calls, in order; `times` is 1 unless given. */
  readonly next?: readonly (FaultRule & { readonly times?: number })[];
  /** For every other call; null for none. */
  readonly all?: FaultRule | null;
}

export function createFaults() {
  let next: FaultRule[] = [];
  let all: FaultRule | null = null;
  return {
    apply: (patch: FaultPatch): void => {
      if (patch.next)
        next = patch.next.flatMap(({ times = 1, ...rule }) => Array<FaultRule>(times).fill(rule));
      if (patch.all !== undefined) all = patch.all;
    },
    take: (): FaultRule | null => next.shift() ?? all,
    state: (): { next: readonly FaultRule[]; all: FaultRule | null } => ({ next, all }),
  };
}

/** What is wrong with a patch, or null. */
export function problemOf(patch: unknown): string | null {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return 'must be an object';
  const unknown = Object.keys(patch).find((name) => name !== 'next' && name !== 'all');
  if (unknown) return `${unknown} is not known; there are next and all`;
  const { next = [], all = null } = patch as { next?: unknown; all?: unknown };
  if (!Array.isArray(next)) return 'next must be a list';
  for (const rule of all === null ? next : [...(next as unknown[]), all]) {
    const {
      fault,
      bytes = 0,
      times = 1,
    } = (rule ?? {}) as { fault?: unknown; bytes?: unknown; times?: unknown };
    if (typeof fault !== 'string' || !Object.hasOwn(FAULTS, fault))
      return `there is no fault ${JSON.stringify(fault)}; there are ${Object.keys(FAULTS).join(', ')}`;
    if (!Number.isInteger(bytes) || (bytes as number) < 0) return 'bytes must be a whole number from 0';
    if (!Number.isInteger(times) || (times as number) < 1 || (times as number) > 10_000)
      return 'times must be a whole number from 1 to 10000';
  }
  return null;
}
