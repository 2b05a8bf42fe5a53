import { describe, expect, it } from 'vitest';
import { explainAttempt, explainTimers } from './explain-timers.ts';
import { FLOORS, planTimers, type TimerFacts } from './plan-timers.ts';
import { NO_SPEED, speedAfter, type Speed } from './speed.ts';

const SETTINGS = { connectMs: 5_000, firstTokenMs: 300_000, gapMs: 60_000, totalMs: 1_800_000 };

function speedOf(count: number): Speed {
  let speed = NO_SPEED;
  for (let i = 0; i < count; i++)
    speed = speedAfter(speed, {
      ...{ connectMs: 2, firstTokenMs: 2_300, tookMs: 12_300, longestGapMs: 100, loadMs: 0 },
      ...{ promptMs: 300, promptTokens: 100, tokens: 101, calls: 1 },
    });
  return speed;
}

function factsWith(more: Partial<TimerFacts> = {}): TimerFacts {
  return {
    size: { promptBytes: 300, maxTokens: 100, isMaxGiven: false },
    ...{ speed: speedOf(7), running: 2, slots: 1, isWarm: true, isAdaptive: true },
    ...{ ceilings: SETTINGS, floors: FLOORS },
    ...more,
  };
}

function explained(more: Partial<TimerFacts> = {}) {
  const { timers, terms } = explainTimers(factsWith(more), SETTINGS);
  return {
    timers: new Map(timers.map((timer) => [timer.name, timer])),
    terms: new Map(terms.map((term) => [term.name, term])),
  };
}

describe('the explanation of timers', () => {
  it('has the very timers of the call, and says what decided each', () => {
    const { timers } = explained();
    const planned = planTimers(factsWith());
    expect([...timers.values()].map(({ ms }) => ms)).toEqual(Object.values(planned));
    expect(timers.get('connect')).toMatchObject({ decided_by: 'floor', estimate_ms: 24, floor_ms: 2_500 });
    expect(timers.get('first_token')).toMatchObject({ decided_by: 'estimate', ceiling_ms: 300_000 });
  });

  it('says that the setting holds while too little is known, or when timers do not adapt', () => {
    for (const more of [{ speed: NO_SPEED }, { isAdaptive: false }])
      for (const timer of explained(more).timers.values())
        expect(timer).toMatchObject({ decided_by: 'ceiling', estimate_ms: null, ms: timer.ceiling_ms });
  });

  it('says that time is short when the deadline decides', () => {
    const { timers } = explained({ ceilings: { ...SETTINGS, totalMs: 900 } });
    expect(timers.get('total')).toMatchObject({ ms: 900, decided_by: 'time_left', ceiling_ms: 1_800_000 });
  });

  it('names each term, its source and of how many calls it was measured', () => {
    const { terms } = explained();
    expect(terms.get('prompt_tokens')).toMatchObject({ value: 100, source: 'request', samples: null });
    expect(terms.get('max_tokens')).toMatchObject({ value: 100, source: 'setting' });
    expect(terms.get('wait')).toMatchObject({ value: 2_000, source: 'measured', samples: 7 });
    expect(terms.get('prompt_token')).toMatchObject({ value: 3, source: 'measured', samples: 7 });
    expect(terms.get('load_allowance')).toMatchObject({ value: 0, source: 'now' });
    expect(terms.get('crowding')).toMatchObject({ value: 2, unit: 'times' });
  });

  it('does not make up what is not known', () => {
    const { terms } = explained({ speed: NO_SPEED, isWarm: false });
    expect(terms.get('wait')).toMatchObject({ value: null, samples: 0 });
    expect(terms.get('load_allowance')).toMatchObject({ value: null, source: 'measured', samples: 0 });
    expect(terms.get('prompt_token')).toMatchObject({ value: 20, source: 'default', samples: null });
  });
});

describe('the explanation of an attempt', () => {
  const attempt = { upstream: 'gpu:1', at: 0, facts: factsWith(), timers: planTimers(factsWith()) };
  it('says that it runs, or how it ended', () => {
    expect(explainAttempt(attempt, SETTINGS)).toMatchObject({ outcome: 'running', took_ms: null });
    const end = { kind: 'failed', code: 'upstream_timeout', firstTokenMs: undefined, tookMs: 1.6 } as const;
    expect(explainAttempt({ ...attempt, end }, SETTINGS)).toMatchObject({
      ...{ upstream: 'gpu:1', began_at: '1970-01-01T00:00:00.000Z', reason: null },
      ...{ outcome: 'upstream_timeout', took_ms: 2, first_token_ms: null },
    });
  });
});
