import { describe, expect, it } from 'vitest';
import { createAttemptLog } from './attempt-log.ts';
import type { CallOutcome } from './ollama-client.ts';
import { FLOORS, type TimerFacts } from './plan-timers.ts';

const begun = (requestId: string | undefined, upstream = 'a:1') => ({
  ...{ requestId, upstream, timers: FLOORS, facts: {} as TimerFacts },
});
const ended = { connectMs: 1, firstTokenMs: 2, longestGapMs: 0, silentMs: 0, tookMs: 3 };
const SECRET = 'what the model said';
const outcome: CallOutcome = {
  kind: 'answered',
  ...{ text: SECRET, finishReason: 'stop', promptTokens: 1, completionTokens: 1 },
  durations: { totalMs: 0, loadMs: 0, promptMs: 0, evalMs: 0, hiddenQueueMs: 0 },
};

describe('the log of attempts', () => {
  it('knows the last attempt of a request, while it runs and when it has ended', () => {
    const log = createAttemptLog(() => 7);
    log.begun(begun('r1'))!({ ...ended, outcome: { kind: 'busy', message: '' } });
    const end = log.begun(begun('r1', 'b:1'))!;
    expect(log.last('r1')).toMatchObject({ upstream: 'b:1', at: 7 });
    expect(log.last('r1')).not.toHaveProperty('end');
    end({ ...ended, outcome });
    expect(log.last('r1')).toMatchObject({ end: { kind: 'answered', firstTokenMs: 2, tookMs: 3 } });
  });

  it('keeps nothing of an answer', () => {
    const log = createAttemptLog(() => 7);
    log.begun(begun('r1'))!({ ...ended, outcome });
    expect(JSON.stringify(log.last('r1'))).not.toContain(SECRET);
  });

  it('is not changed by the end of an earlier attempt', () => {
    const log = createAttemptLog(() => 7);
    const early = log.begun(begun('r1'))!;
    log.begun(begun('r1', 'b:1'));
    early({ ...ended, outcome });
    expect(log.last('r1')).not.toHaveProperty('end');
  });

  it('forgets the oldest, and calls of no request at once', () => {
    const log = createAttemptLog(() => 7);
    expect(log.begun(begun(undefined))).toBeUndefined();
    for (let i = 0; i <= 2_000; i++) log.begun(begun(`r${i}`));
    expect(log.last('r0')).toBeUndefined();
    expect(log.last('r1')).toBeDefined();
    expect(log.last('r2000')).toBeDefined();
  });
});
