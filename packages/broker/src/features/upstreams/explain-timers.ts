/** Says what the timers of a call are made of: each term, its value and where it comes from; pure. */
import type { AttemptExplanation, CallTimer, TimerTerm } from '../../kernel/contract.generated.ts';
import type { Attempt } from './attempt-log.ts';
import type { CallTimers } from './ollama-client.ts';
import {
  crowding,
  estimateTimers,
  isKnown,
  loadAllowanceMs,
  MARGIN,
  planTimers,
  promptTokenMs,
  promptTokensOf,
  type TimerFacts,
} from './plan-timers.ts';
import { longestOf, type Longest } from './speed.ts';

const NAMES = [
  ['connect', 'connectMs'],
  ['first_token', 'firstTokenMs'],
  ['gap', 'gapMs'],
  ['total', 'totalMs'],
] as const;

/** `settings` may allow more than the facts, which may know a deadline. */
export function explainTimers(
  facts: TimerFacts,
  settings: CallTimers,
): Pick<AttemptExplanation, 'timers' | 'terms'> {
  const estimates = estimateTimers(facts);
  const planned = planTimers(facts);
  const timers = NAMES.map(([name, field]): CallTimer => {
    const estimate = estimates[field];
    return {
      name,
      ms: planned[field],
      decided_by: decidedBy(facts, field, settings),
      estimate_ms: estimate === undefined ? null : Math.ceil(estimate),
      floor_ms: facts.floors[field],
      ceiling_ms: settings[field],
    };
  });
  return { timers, terms: termsOf(facts) };
}

function decidedBy(
  facts: TimerFacts,
  field: keyof CallTimers,
  settings: CallTimers,
): CallTimer['decided_by'] {
  const ceiling = facts.ceilings[field];
  const floor = facts.floors[field];
  const estimate = estimateTimers(facts)[field] ?? Number.POSITIVE_INFINITY;
  if (Math.max(floor, estimate) >= ceiling) return ceiling < settings[field] ? 'time_left' : 'ceiling';
  return estimate > floor ? 'estimate' : 'floor';
}

function termsOf(facts: TimerFacts): TimerTerm[] {
  const { size, speed, running, slots } = facts;
  const term = (
    name: string,
    value: number | null,
    unit: TimerTerm['unit'],
    source: TimerTerm['source'],
  ) => ({
    ...{ name, unit, source, samples: null },
    value: value === null ? null : Math.round(value * 1_000) / 1_000,
  });
  const measured = (name: string, longest: Longest): TimerTerm => ({
    ...term(name, isMentioned(longest) ? longestOf(longest) : null, 'ms', 'measured'),
    samples: longest.samples,
  });
  const reading = isKnown(speed.promptTokenMs)
    ? measured('prompt_token', speed.promptTokenMs)
    : term('prompt_token', promptTokenMs(speed), 'ms', 'default');
  const load = term(
    'load_allowance',
    loadAllowanceMs(facts) ?? null,
    'ms',
    facts.isWarm ? 'now' : 'measured',
  );
  return [
    term('prompt_tokens', promptTokensOf(size), 'tokens', 'request'),
    term('max_tokens', size.maxTokens, 'tokens', size.isMaxGiven ? 'request' : 'setting'),
    measured('connect', speed.connectMs),
    measured('wait', speed.waitMs),
    reading,
    measured('token', speed.tokenMs),
    measured('gap', speed.gapMs),
    { ...load, samples: facts.isWarm ? null : speed.loadMs.samples },
    term('calls', running, 'calls', 'now'),
    term('slots', slots, 'calls', 'now'),
    { ...measured('calls_measured', speed.calls), unit: 'calls' },
    term('crowding', crowding(facts), 'times', 'now'),
    term('margin', MARGIN, 'times', 'default'),
  ];
}

function isMentioned({ samples, atLeast }: Longest): boolean {
  return samples > 0 || atLeast > 0;
}

/** An attempt that was made, or is being made. */
export function explainAttempt(attempt: Attempt, settings: CallTimers): AttemptExplanation {
  const { upstream, at, facts, end } = attempt;
  const whole = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms));
  return {
    ...{ upstream, reason: null, began_at: new Date(at).toISOString() },
    outcome: end ? (end.code ?? end.kind) : 'running',
    took_ms: whole(end?.tookMs),
    first_token_ms: whole(end?.firstTokenMs),
    ...explainTimers(facts, settings),
  };
}
