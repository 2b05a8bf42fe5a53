/** All limits of a call as they are now, without counting it: what is used and left, and which one decides. */
import type { Limiter, RuleState } from '../../engines/limiter/limiter.ts';
import type { AppliedLimit, LimitExplanation } from '../../kernel/contract.generated.ts';
import { LIMIT_NAMES } from '../../kernel/key-limits.ts';
import type { LimitedKey } from '../keys/keys.ts';
import { asQuestion, type NamedAccount, type NamedRule } from './call-rules.ts';
import { leftOf, seconds } from './limit-headers.ts';

interface Question {
  readonly key: LimitedKey;
  /** Limits that the key does not set itself, as on the wire. */
  readonly inherited: readonly string[];
  readonly accounts: readonly NamedAccount[];
  readonly limiter: Limiter;
  /** Which part of the requests is accepted. */
  readonly factor: number;
  readonly drainMs: number;
}

export async function explainLimits(question: Question): Promise<LimitExplanation> {
  const { key, accounts, limiter, factor } = question;
  // A penalty is asked by itself: a question that others refuse would be a strike.
  const [others, penalties] = [split(accounts, false), split(accounts, true)];
  const answers = await Promise.all([others, penalties].map((part) => ask(limiter, part)));
  const limits = answers.flatMap(({ named, states }) =>
    named.map((one, index) => applied(one, states[index]!, question)),
  );
  const refused = answers.filter(({ refusing }) => refusing).sort((a, b) => b.retryMs - a.retryMs)[0];
  const tightest = limits.filter(({ name }) => name !== 'penalty').sort((a, b) => a.left - b.left)[0];
  const isGauge = refused?.refusing?.windowMs === null;
  return {
    key: key.id,
    plan: key.plan,
    allowed: !refused,
    decided_by: refused?.refusing?.name ?? tightest?.name ?? null,
    retry_after: refused ? Math.max(1, seconds(isGauge ? question.drainMs : refused.retryMs)) : null,
    brokers: limiter.brokers().count,
    admission: Math.round(factor * 1000) / 1000,
    limits,
  };
}

function split(accounts: readonly NamedAccount[], isPenalty: boolean) {
  return accounts
    .map(({ name, named }) => ({
      name,
      named: named.filter((one) => (one.name === 'penalty') === isPenalty),
    }))
    .filter(({ named }) => named.length > 0);
}

async function ask(limiter: Limiter, accounts: readonly { name: string; named: readonly NamedRule[] }[]) {
  const named = accounts.flatMap((one) => one.named);
  if (named.length === 0) return { named, states: [], refusing: undefined, retryMs: 0 };
  const { states, refusedBy, retryMs } = await limiter.decide(
    accounts.map((one) => ({ name: one.name, rules: asQuestion(one.named.map(({ rule }) => rule)) })),
  );
  return { named, states, refusing: named[refusedBy], retryMs };
}

function applied(one: NamedRule, state: RuleState, { key, inherited }: Question): AppliedLimit {
  const { name, scope, field, limit, windowMs, rule } = one;
  const isPenalty = name === 'penalty';
  const left = isPenalty ? limit : leftOf(limit, state);
  const isOwn = field !== null && !inherited.includes(LIMIT_NAMES[field]);
  return {
    name,
    scope,
    source: field === null ? 'setting' : isOwn || key.plan === null ? 'key' : 'plan',
    limit,
    window_seconds: windowMs === null ? null : seconds(windowMs),
    used: state.used,
    left,
    reset_after: seconds(state.resetMs),
    // A rule that only shows what is left has another limit than its name says.
    refuses: isPenalty ? state.resetMs > 0 : left === 0 && rule.limit === limit,
  };
}
