/** What becomes of a request after a call: the table of all outcomes, and what holds for any of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClaimedRow, Settlement } from '../../engines/ledger/ledger.ts';
import { newId } from '../../kernel/ids.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import { handBack, settle, settleExpired, type SettleTools } from './settle.ts';

type Failed = Extract<CallOutcome, { kind: 'failed' }>;

const OWNER = newId('run');
const NOW = 1_800_000_000_000;
const POLICY = { maxAttempts: 3, baseMs: 1_000, capMs: 30_000 };

/** Sealed here means: readable by the test. */
const tools: SettleTools = {
  policy: POLICY,
  now: NOW,
  random: () => 0.5,
  sealResult: (id, result) => Buffer.from(JSON.stringify({ id, result })),
  sealError: (id, error) => Buffer.from(JSON.stringify({ id, error })),
};

const row = (more: Partial<ClaimedRow> = {}): ClaimedRow => ({
  ...{
    id: newId('req'),
    laneId: 1,
    keyId: newId('key'),
    fence: 7,
    attempts: 0,
    affinity: null,
    deadlineAt: null,
    notify: false,
    firstLaneId: null,
    createdAt: NOW - 1_000,
    metadata: null,
    callback: null,
  },
  body: Buffer.from('body'),
  ...more,
});
const failed = (more: Partial<Failed> = {}): Failed => ({
  ...{ kind: 'failed', code: 'upstream_failed', message: 'It broke.', retryable: true, phase: 'stream' },
  ...(more as Failed),
});
const answered: CallOutcome = {
  ...{ kind: 'answered', text: 'Hello', thinking: 'Hm', finishReason: 'stop' },
  ...{ promptTokens: 3, completionTokens: 4, durations: {} as never },
};
const busy: CallOutcome = { kind: 'busy', message: 'The queue of the upstream is full.' };
const notReached = failed({ code: 'upstream_unreachable', phase: 'connect' });

function decide(outcome: CallOutcome, of: ClaimedRow = row(), with_: Partial<SettleTools> = {}): Settlement {
  const processed = { row: of, owner: OWNER, upstream: 'gpu:11434', processingMs: 12, outcome };
  return settle(processed, { ...tools, ...with_ })!;
}
const opened = (sealed: Buffer | undefined): unknown => JSON.parse(String(sealed));

describe('what becomes of a request', () => {
  const past = { deadlineAt: NOW };
  it.each<{ given: string; when: CallOutcome; row?: Partial<ClaimedRow>; then: Partial<Settlement> }>([
    { given: 'an answer', when: answered, then: { to: 'completed', countsAttempt: true } },
    { given: 'an answer past the deadline', when: answered, row: past, then: { to: 'completed' } },
    {
      given: 'an answer to the very last attempt',
      when: answered,
      row: { attempts: 2 },
      then: { to: 'completed' },
    },
    { given: 'a first failure', when: failed(), then: { to: 'delayed', countsAttempt: true, delayMs: 500 } },
    {
      given: 'a second failure',
      when: failed(),
      row: { attempts: 1 },
      then: { to: 'delayed', delayMs: 1_000 },
    },
    {
      given: 'the last failure',
      when: failed(),
      row: { attempts: 2 },
      then: { to: 'failed', countsAttempt: true },
    },
    {
      given: 'a permanent failure',
      when: failed({ retryable: false }),
      then: { to: 'failed', countsAttempt: true },
    },
    {
      given: 'a failure past the deadline',
      when: failed(),
      row: past,
      then: { to: 'expired', countsAttempt: false },
    },
    { given: 'a full upstream', when: busy, then: { to: 'delayed', countsAttempt: false, delayMs: 625 } },
    { given: 'a full upstream past the deadline', when: busy, row: past, then: { to: 'expired' } },
    { given: 'no connection', when: notReached, then: { to: 'delayed', countsAttempt: false, delayMs: 500 } },
    {
      given: 'no connection within its time',
      when: failed({ code: 'upstream_timeout', phase: 'connect' }),
      row: { attempts: 2 },
      then: { to: 'delayed', countsAttempt: false },
    },
    {
      given: 'a prompt that never left the house',
      when: failed({ code: 'unreadable', retryable: false, phase: 'connect' }),
      then: { to: 'failed', countsAttempt: false },
    },
    {
      given: 'no connection after attempts that count',
      when: notReached,
      row: { attempts: 2 },
      then: { to: 'delayed', countsAttempt: false, delayMs: 1_000 },
    },
    {
      given: 'a connection that broke in the answer',
      when: failed({ code: 'upstream_unreachable', phase: 'stream' }),
      row: { attempts: 2 },
      then: { to: 'failed', countsAttempt: true },
    },
  ])('after $given: $then.to', ({ when, row: of, then }) => {
    expect(decide(when, row(of))).toMatchObject(then);
  });

  it('is nothing of ours after a cancelled call', () => {
    expect(decide({ kind: 'cancelled' })).toBeNull();
  });

  it('is written under the fence and owner of the claim, with where and how long it ran', () => {
    const one = row();
    const written = { id: one.id, fence: 7, owner: OWNER, upstream: 'gpu:11434', processingMs: 12 };
    for (const outcome of [answered, failed(), busy, notReached])
      expect(decide(outcome, one)).toMatchObject(written);
  });

  it('keeps the answer, its thinking and its usage, sealed to the very row', () => {
    const one = row();
    const { result, promptTokens, completionTokens } = decide(answered, one);
    expect(opened(result)).toEqual({
      id: one.id,
      result: { text: 'Hello', thinking: 'Hm', finish_reason: 'stop' },
    });
    expect({ promptTokens, completionTokens }).toEqual({ promptTokens: 3, completionTokens: 4 });
    const silent = decide({ ...answered, thinking: undefined } as CallOutcome, one);
    expect(opened(silent.result)).toEqual({ id: one.id, result: { text: 'Hello', finish_reason: 'stop' } });
  });

  it('says why the last attempt failed, also while the next one is awaited', () => {
    const one = row();
    const why = (outcome: CallOutcome, of = one): unknown => opened(decide(outcome, of).error?.sealed);
    expect(why(failed())).toEqual({ id: one.id, error: { code: 'upstream_failed', message: 'It broke.' } });
    expect(why(busy)).toMatchObject({ error: { code: 'upstream_busy' } });
    expect(why(failed(), { ...one, ...past })).toMatchObject({ error: { code: 'deadline_exceeded' } });
    expect(decide(failed()).error?.code).toBe('upstream_failed');
  });

  it('before any call is expired past the deadline, and pending when it is handed back, both at no cost', () => {
    const one = row();
    const base = { id: one.id, fence: 7, owner: OWNER, notify: false, countsAttempt: false };
    expect(settleExpired(one, OWNER, tools)).toMatchObject({ ...base, to: 'expired' });
    expect(handBack(one, OWNER)).toEqual({ ...base, to: 'pending' });
  });
});

describe('a request whose queue has a fallback model', () => {
  const last = row({ attempts: 2 });
  const fallbackLaneId = 77;
  const moved = { to: 'delayed', delayMs: 0, laneId: 77 };

  it('is put to it when the model has failed for good, and keeps why', () => {
    const one = decide(failed(), last, { fallbackLaneId });
    expect(one).toMatchObject({ ...moved, countsAttempt: true, error: { code: 'upstream_failed' } });
    const missing = failed({ code: 'model_not_found', retryable: false });
    expect(decide(missing, row(), { fallbackLaneId })).toMatchObject(moved);
    const slow = failed({ code: 'upstream_timeout', timer: 'first_token' } as Partial<Failed>);
    expect(decide(slow, last, { fallbackLaneId })).toMatchObject(moved);
  });

  it('is not, while its own model has attempts left, or when the request itself is at fault', () => {
    expect(decide(failed(), row(), { fallbackLaneId }).laneId).toBeUndefined();
    for (const code of ['upstream_rejected', 'context_exceeded', 'model_not_allowed', 'unreadable'] as const)
      expect(decide(failed({ code, retryable: false }), row(), { fallbackLaneId })).toMatchObject({
        to: 'failed',
      });
    expect(decide(failed(), row({ attempts: 2, deadlineAt: NOW }), { fallbackLaneId }).to).toBe('expired');
    expect(decide(busy, last, { fallbackLaneId }).laneId).toBeUndefined();
  });

  it('gets one attempt there, whatever the maximum; no connection and a full server cost none', () => {
    const degraded = row({ attempts: 1, firstLaneId: 5 });
    const policy = { ...POLICY, maxAttempts: 50 };
    expect(decide(failed(), degraded, { policy })).toMatchObject({ to: 'failed', countsAttempt: true });
    expect(decide(notReached, row({ attempts: 9, firstLaneId: 5 }))).toMatchObject({
      ...{ to: 'delayed', countsAttempt: false },
    });
    expect(decide(busy, degraded)).toMatchObject({ to: 'delayed', countsAttempt: false });
    expect(decide(answered, degraded)).toMatchObject({ to: 'completed' });
  });
});

describe('whatever the outcome', () => {
  const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const failures = fc.record({
    kind: fc.constant('failed' as const),
    code: fc.constantFrom('upstream_failed', 'upstream_unreachable', 'upstream_timeout', 'model_not_found'),
    message: fc.string(),
    retryable: fc.boolean(),
    phase: fc.constantFrom('connect', 'first_token', 'stream'),
  }) as fc.Arbitrary<Failed>;
  const outcomes = fc.oneof(fc.constant(answered), fc.constant(busy), failures);
  const policies = fc.record({
    maxAttempts: fc.integer({ min: 1, max: 10 }),
    baseMs: fc.integer({ min: 0, max: 10_000 }),
    capMs: fc.integer({ min: 0, max: 100_000 }),
  });

  it('the attempts that counted never exceed the maximum, and counted failures come to an end', () => {
    const life = fc.array(fc.tuple(outcomes, chances), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(life, policies, (calls, policy) => {
        let attempts = 0;
        let counted = 0;
        for (const [outcome, chance] of calls) {
          const { to, countsAttempt } = decide(outcome, row({ attempts }), { policy, random: () => chance });
          attempts += Number(countsAttempt);
          counted += Number(countsAttempt);
          expect(attempts).toBeLessThanOrEqual(policy.maxAttempts);
          if (counted === policy.maxAttempts) expect(['completed', 'failed']).toContain(to);
          if (to !== 'delayed') return;
        }
      }),
    );
  });

  it('a permanent failure is final, an answer completes, and no request is kept past its deadline', () => {
    const rows = fc.record({
      attempts: fc.nat(20),
      deadlineAt: fc.option(fc.integer({ min: NOW - 9, max: NOW + 9 })),
    });
    fc.assert(
      fc.property(outcomes, rows, policies, (outcome, of, policy) => {
        const { to } = decide(outcome, row(of), { policy });
        const isLate = of.deadlineAt !== null && of.deadlineAt <= NOW;
        if (outcome.kind === 'answered') expect(to).toBe('completed');
        else if (isLate) expect(to).toBe('expired');
        else if (outcome.kind === 'failed' && !outcome.retryable) expect(to).toBe('failed');
        else expect(['failed', 'delayed']).toContain(to);
      }),
    );
  });

  it('a full server and a failed connection cost no attempt, and the wait is never long without reason', () => {
    fc.assert(
      fc.property(fc.constantFrom(busy, notReached), chances, policies, (outcome, chance, policy) => {
        const { to, countsAttempt, delayMs } = decide(outcome, row(), { policy, random: () => chance });
        expect({ to, countsAttempt }).toEqual({ to: 'delayed', countsAttempt: false });
        const [least, most] = outcome === busy ? [250, 999] : [0, policy.capMs];
        expect(delayMs).toBeGreaterThanOrEqual(least);
        expect(delayMs).toBeLessThanOrEqual(most);
      }),
    );
  });
});
