import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMoreTelling, lessonOf, mayFailOver } from './judge-outcome.ts';
import type { CallOutcome } from './ollama-client.ts';
import type { Phase, TimerName } from './ollama-errors.ts';

const answered: CallOutcome = {
  ...{ kind: 'answered', text: 'x', finishReason: 'stop', promptTokens: 1, completionTokens: 1 },
  durations: { totalMs: 1, loadMs: 0, promptMs: 0, evalMs: 1, hiddenQueueMs: 0 },
};
const busy: CallOutcome = { kind: 'busy', message: '' };
const cancelled: CallOutcome = { kind: 'cancelled' };

type FailureCode = Extract<CallOutcome, { kind: 'failed' }>['code'];

function failed(code: FailureCode, phase: Phase, more: { status?: number; timer?: TimerName } = {}) {
  return { kind: 'failed', code, message: '', retryable: true, phase, ...more } as const;
}

const unreachable = failed('upstream_unreachable', 'connect');
const broken = failed('upstream_unreachable', 'first_token');
const failed500 = failed('upstream_failed', 'first_token', { status: 500 });
const notFound = failed('model_not_found', 'first_token', { status: 404 });

describe('an outcome', () => {
  it.each<[string, CallOutcome, boolean, string]>([
    ['an answer', answered, false, 'good'],
    ['a cancel', cancelled, false, 'none'],
    ['a full queue', busy, true, 'none'],
    ['no connection', unreachable, true, 'bad'],
    ['no connection in time', failed('upstream_timeout', 'connect', { timer: 'connect' }), true, 'bad'],
    ['a connection that broke before the first token', broken, true, 'bad'],
    ['a connection that broke later', failed('upstream_unreachable', 'stream'), false, 'bad'],
    ['a status 500', failed500, true, 'bad'],
    ['a 502 of a proxy', failed('upstream_unreachable', 'first_token', { status: 502 }), true, 'bad'],
    ['a 504 of a proxy', failed('upstream_timeout', 'first_token', { status: 504 }), true, 'bad'],
    ['a 408 of a proxy', failed('upstream_timeout', 'first_token', { status: 408 }), false, 'bad'],
    [
      'an error line before the first token',
      failed('upstream_failed', 'first_token', { status: 200 }),
      true,
      'bad',
    ],
    ['an error line later', failed('upstream_failed', 'stream', { status: 200 }), false, 'bad'],
    ['a model that is not there', notFound, true, 'none'],
    [
      'no first token in time',
      failed('upstream_timeout', 'first_token', { timer: 'first_token' }),
      false,
      'bad',
    ],
    ['no next token in time', failed('upstream_timeout', 'stream', { timer: 'gap' }), false, 'bad'],
    ['no end in time', failed('upstream_timeout', 'stream', { timer: 'total' }), false, 'none'],
    [
      'a deadline before the first token',
      failed('upstream_timeout', 'first_token', { timer: 'total' }),
      false,
      'none',
    ],
    [
      'a wrong option with status 500',
      failed('upstream_rejected', 'first_token', { status: 500 }),
      false,
      'none',
    ],
    ['a prompt that is too long', failed('context_exceeded', 'first_token', { status: 400 }), false, 'none'],
    ['a model that is not allowed', failed('model_not_allowed', 'connect'), false, 'none'],
    ['half an answer', failed('upstream_incomplete', 'stream', { status: 200 }), false, 'none'],
    ['what is not Ollama', failed('upstream_invalid', 'first_token', { status: 200 }), false, 'none'],
  ])('that is %s', (_, outcome, canMove, lesson) => {
    expect(mayFailOver(outcome)).toBe(canMove);
    expect(lessonOf(outcome)).toBe(lesson);
  });

  it('never moves on once there was a token, whatever it is', () => {
    const codes = fc.constantFrom<FailureCode>(
      'upstream_unreachable',
      'upstream_failed',
      'upstream_timeout',
      'model_not_found',
    );
    const status = fc.integer({ min: 200, max: 599 });
    fc.assert(
      fc.property(codes, status, (code, given) => !mayFailOver(failed(code, 'stream', { status: given }))),
    );
  });
});

describe('of two outcomes', () => {
  it.each<[string, CallOutcome, CallOutcome, boolean]>([
    ['an answer is told', failed500, answered, true],
    ['a cancel is told', failed500, cancelled, true],
    ['a refusal of the request itself is told', failed500, failed('context_exceeded', 'first_token'), true],
    ['that one lacks the model is not told after a failure', failed500, notFound, false],
    ['that one lacks the model is not told after a full queue', busy, notFound, false],
    ['a failure is told after that one lacks the model', notFound, failed500, true],
    ['a full queue does not hide a failure, which costs an attempt', failed500, busy, false],
    ['a full queue does not hide a broken connection', broken, busy, false],
    ['a full queue is told rather than no connection', unreachable, busy, true],
    ['the second of two failures is told', failed500, broken, true],
    ['that nobody has the model is told', notFound, notFound, true],
  ])('%s', (_, first, second, isTold) => {
    expect(isMoreTelling(second, first)).toBe(isTold);
  });
});
