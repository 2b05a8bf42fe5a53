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

/** `t` and X-RateLimit-Reset: when some of it comes back. Where nothing is limited there is nothing to tell. */
export function limitHeaders(named: readonly NamedRule[], verdict: Verdict, nowMs: number): LimitHeaders {
  const policies: string[] = [];
  const states: string[] = [];
  let tightest: { limit: number; left: number; resetMs: number } | undefined;
  named.forEach(({ name, limit, windowMs }, index) => {
    if (HIDDEN.has(name)) return;
    const { used, resetMs } = verdict.states[index]!;
    const left = leftOf(limit, verdict.states[index]!);
    policies.push(
      `"${name}";q=${limit}${windowMs === null ? '' : `;w=${seconds(windowMs)}`}${UNIT[name] ?? ''}`,
    );
    states.push(`"${name}";r=${left}${used > 0 && resetMs > 0 ? `;t=${seconds(resetMs)}` : ''}`);
    if (!tightest || left < tightest.left || index === verdict.refusedBy) tightest = { limit, left, resetMs };
  });
  if (!tightest) return {};
  return {
    'ratelimit-policy': policies.join(', '),
    ratelimit: states.join(', '),
    'x-ratelimit-limit': tightest.limit,
    'x-ratelimit-remaining': tightest.left,
    'x-ratelimit-reset': Math.ceil((nowMs + tightest.resetMs) / 1000),
  };
}

export function leftOf(limit: number, { used }: RuleState): number {
  return Math.max(0, limit - used);
}

/** Rounded up: who waits that long has waited long enough. */
export function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
