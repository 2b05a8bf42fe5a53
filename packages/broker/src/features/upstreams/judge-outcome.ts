/** Judges what came of a call: may another upstream be asked, what does it say about this one, which of several to tell. */
import type { CallOutcome } from './ollama-client.ts';

/**
 * Whether the same attempt may go on at another upstream: only while the client has seen nothing of an answer, and only
 * when the fault may lie with this upstream rather than with the request.
 */
export function mayFailOver(outcome: CallOutcome): boolean {
  if (outcome.kind === 'busy') return true;
  if (outcome.kind !== 'failed' || outcome.phase === 'stream') return false;
  switch (outcome.code) {
    case 'upstream_unreachable':
    case 'upstream_failed':
    case 'model_not_found':
      return true;
    case 'upstream_timeout':
      return outcome.phase === 'connect' || (outcome.status ?? 0) >= 500;
    default:
      return false;
  }
}

/** `none`: it says nothing about the upstream. */
export type Lesson = 'good' | 'bad' | 'none';

/**
 * What the breaker learns. The total timer teaches nothing: it may be the deadline of the request, and clients in a
 * hurry must not take an upstream from the others.
 */
export function lessonOf(outcome: CallOutcome): Lesson {
  if (outcome.kind === 'answered') return 'good';
  if (outcome.kind !== 'failed') return 'none';
  switch (outcome.code) {
    case 'upstream_unreachable':
    case 'upstream_failed':
      return 'bad';
    case 'upstream_timeout':
      return outcome.timer === 'total' ? 'none' : 'bad';
    default:
      return 'none';
  }
}

/**
 * Of two upstreams that both let the request down, whether the second one's outcome decides what becomes of it. That
 * one of them lacks the model is final only when all do, and "busy" costs no attempt only when nobody failed.
 */
export function isMoreTelling(second: CallOutcome, first: CallOutcome): boolean {
  return weightOf(second) >= weightOf(first);
}

function weightOf(outcome: CallOutcome): number {
  if (outcome.kind === 'busy') return 2;
  if (!mayFailOver(outcome) || outcome.kind !== 'failed') return 4;
  if (outcome.code === 'model_not_found') return 0;
  return outcome.phase === 'connect' ? 1 : 3;
}
