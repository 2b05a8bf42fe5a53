import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCallBreaker, type BreakerState, type CallBreaker } from './call-policies.ts';

let breaker: CallBreaker;
let told: BreakerState[];

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  breaker = createCallBreaker({ onChange: (state) => void told.push(state) });
});
afterEach(() => {
  breaker.stop();
  vi.useRealTimers();
});

async function record(...lessons: ('good' | 'bad')[]): Promise<void> {
  for (const lesson of lessons) await breaker.record(lesson);
}

const times = <T>(count: number, what: T): T[] => Array<T>(count).fill(what);
const open = () => record(...times(5, 'bad' as const));

describe('a breaker', () => {
  it('opens at the fifth failure in a row, however long that takes', async () => {
    for (let hour = 0; hour < 4; hour++) {
      await record('bad');
      vi.advanceTimersByTime(3_600_000);
    }
    expect(breaker.state).toBe('closed');
    await record('bad');
    expect(breaker.state).toBe('open');
    expect(told).toEqual(['open']);
    expect(breaker.since).toBe(Date.now());
  });

  it('opens when half of ten calls failed, and not when nine calls did', async () => {
    await record('good', ...times(4, ['good', 'bad'] as const).flat());
    expect(breaker.state).toBe('closed');
    await record('bad');
    expect(breaker.state).toBe('open');
  });

  it('stays closed when it is one request that fails again and again, and opens when five do', async () => {
    for (let attempt = 0; attempt < 20; attempt++) await breaker.record('bad', 'one');
    expect(breaker.state).toBe('closed');
    for (const other of ['two', 'three', 'four', 'five']) await breaker.record('bad', other);
    expect(breaker.state).toBe('open');
  });

  it('stays closed while fewer than half fail', async () => {
    for (let round = 0; round < 30; round++) await record('good', 'good', 'bad');
    expect(breaker.state).toBe('closed');
  });

  it('forgets what is older than twenty calls', async () => {
    await record(...times(9, 'good' as const), ...times(4, 'bad' as const));
    await record(
      ...times(20, 'good' as const),
      ...times(4, 'bad' as const),
      'good',
      ...times(4, 'bad' as const),
    );
    expect(breaker.state).toBe('closed');
  });

  it('asks for a probe after 5 s, by itself', async () => {
    await open();
    vi.advanceTimersByTime(4_999);
    expect(breaker.state).toBe('open');
    vi.advanceTimersByTime(1);
    expect(breaker.state).toBe('half_open');
    expect(told).toEqual(['open', 'half_open']);
  });

  it('waits twice as long after each failed probe, up to a minute, and tells of no new opening', async () => {
    await open();
    const since = breaker.since;
    const pausesMs: number[] = [];
    for (let probe = 0; probe < 6; probe++) {
      const before = Date.now();
      vi.advanceTimersToNextTimer();
      pausesMs.push(Date.now() - before);
      expect(breaker.state).toBe('half_open');
      await record('bad');
      expect(breaker.state).toBe('open');
    }
    expect(pausesMs).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect(told.filter((state) => state === 'open')).toHaveLength(1);
    expect(breaker.since).toBe(since);
  });

  it('closes with a probe that is answered, and then opens as before', async () => {
    await open();
    vi.advanceTimersToNextTimer();
    await record('good');
    expect(breaker.state).toBe('closed');
    await record(...times(4, 'bad' as const));
    expect(breaker.state).toBe('closed');
    await record('bad');
    expect(breaker.state).toBe('open');
    vi.advanceTimersByTime(5_000);
    expect(breaker.state).toBe('half_open');
    expect(told).toEqual(['open', 'half_open', 'closed', 'open', 'half_open']);
  });

  it('learns nothing from calls that end while it is open', async () => {
    await open();
    await record('good', 'bad', 'good');
    expect(breaker.state).toBe('open');
  });

  it('lets its probe count also when the clock has stepped back', async () => {
    await open();
    vi.advanceTimersByTime(5_000);
    vi.setSystemTime(Date.now() - 3_600_000);
    await record('good');
    expect(breaker.state).toBe('closed');
  });

  it('is opened once by calls that fail together', async () => {
    await Promise.all(times(12, 'bad' as const).map((lesson) => breaker.record(lesson)));
    expect(told).toEqual(['open']);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('leaves no timer when stopped', async () => {
    await open();
    breaker.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
