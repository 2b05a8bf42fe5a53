/** What headers tell of limits: RateLimit and RateLimit-Policy (IETF draft), and the X-RateLimit-* that many read. */
import type { RuleState, Verdict } from '../../engines/limiter/limiter.ts';
import type { NamedRule } from './call-rules.ts';

export type LimitHeaders = Readonly<Record<string, string | number>>;

/** Not the client's own to spend: nothing is told of them until they refuse. */
const HIDDEN = new Set(['penalty', 'queue']);

const UNIT: Readonly<Record<string, string>> = {
  tokens: ';qu="tokens"',
  queued: ';qu="concurrent-requests"',
};

/** What is told of rules without looking at a counter. Callers use the same list again and again. */
interface Policy {
  readonly text: string;
  /** Places in the list of those that are told at all, and the name of each as it is written. */
  readonly shown: readonly { readonly index: number; readonly quoted: string; readonly limit: number }[];
}

/** `t` and X-RateLimit-Reset: when some of it comes back. Where nothing is limited there is nothing to tell. */
export function limitHeaders(named: readonly NamedRule[], verdict: Verdict, nowMs: number): LimitHeaders {
  const { text, shown } = policyOf(named);
  let states = '';
  let tightest: { limit: number; left: number; resetMs: number } | undefined;
  for (const { index, quoted, limit } of shown) {
    const state = verdict.states[index]!;
    const { used, resetMs } = state;
    const left = leftOf(limit, state);
    const reset = used > 0 && resetMs > 0 ? `;t=${seconds(resetMs)}` : '';
    states += `${states === '' ? '' : ', '}${quoted};r=${left}${reset}`;
    if (!tightest || left < tightest.left || index === verdict.refusedBy) tightest = { limit, left, resetMs };
  }
  if (!tightest) return {};
  return {
    'ratelimit-policy': text,
    ratelimit: states,
    'x-ratelimit-limit': tightest.limit,
    'x-ratelimit-remaining': tightest.left,
    'x-ratelimit-reset': Math.ceil((nowMs + tightest.resetMs) / 1000),
  };
}

function policyOf(named: readonly NamedRule[]): Policy {
  let policy = policies.get(named);
  if (policy) return policy;
  const shown = named.flatMap(({ name, limit }, index) =>
    HIDDEN.has(name) ? [] : [{ index, quoted: `"${name}"`, limit }],
  );
  const parts = shown.map(({ index, quoted, limit }) => {
    const { name, windowMs } = named[index]!;
    return `${quoted};q=${limit}${windowMs === null ? '' : `;w=${seconds(windowMs)}`}${UNIT[name] ?? ''}`;
  });
  policy = { text: parts.join(', '), shown };
  policies.set(named, policy);
  return policy;
}

const policies = new WeakMap<readonly NamedRule[], Policy>();

export function leftOf(limit: number, { used }: RuleState): number {
  return Math.max(0, limit - used);
}

/** Rounded up: who waits that long has waited long enough. */
export function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
