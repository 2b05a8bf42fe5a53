import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallDeadlines } from './call-deadlines.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watch(totalMs: number) {
  const late: string[] = [];
  const began = performance.now();
  const deadlines = new CallDeadlines(totalMs, (isTotal) => {
    late.push(`${isTotal ? 'total' : 'phase'} after ${performance.now() - began}`);
    deadlines.stop();
  });
  return { deadlines, late };
}

describe('the deadlines of a call', () => {
  it.each([20, 999, 1_000, 1_001, 2_500, 90_000])('are kept to the millisecond: a phase of %i ms', (ms) => {
    const { deadlines, late } = watch(100_000);
    deadlines.begin(ms);
    vi.advanceTimersByTime(ms - 1);
    expect(late).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(late).toEqual([`phase after ${ms}`]);
  });

  it('begin anew with each phase, whether it is shorter or longer than the one before', () => {
    const { deadlines, late } = watch(100_000);
    deadlines.begin(2_500);
    vi.advanceTimersByTime(2_400);
    deadlines.begin(30_000);
    vi.advanceTimersByTime(29_000);
    deadlines.begin(50);
    vi.advanceTimersByTime(100_000);
    expect(late).toEqual(['phase after 31450']);
  });

  it('say that the whole took too long though no phase did', () => {
    const { deadlines, late } = watch(3_500);
    for (let part = 0; part < 7; part++) {
      deadlines.begin(600);
      vi.advanceTimersByTime(500);
    }
    expect(late).toEqual(['total after 3500']);
  });

  it('are at no time watched by more than one timer, and by none when it is over', () => {
    const { deadlines, late } = watch(100_000);
    for (const ms of [2_500, 10_000, 300, 60_000, 5]) {
      deadlines.begin(ms);
      expect(vi.getTimerCount()).toBe(1);
    }
    deadlines.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(late).toEqual([]);
  });

  it('may be infinite', () => {
    const { deadlines, late } = watch(Number.POSITIVE_INFINITY);
    deadlines.begin(Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(3_600_000);
    expect(late).toEqual([]);
    deadlines.stop();
  });
});
