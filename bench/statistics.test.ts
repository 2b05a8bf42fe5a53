/** The formulas on numbers whose answers are known. */
import { describe, expect, it } from 'vitest';
import { Histogram } from './load/histogram.ts';
import { jainIndex, median, percentile, slotUse } from './statistics.ts';

describe('the median', () => {
  it('is the middle value, or the mean of the two in the middle, in any order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(median([])).toBeNaN();
  });
});

describe('a percentile', () => {
  it('is the least value that the share stays within', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(percentile(values, 0.95)).toBe(95);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe("Jain's index", () => {
  it('is 1 for equal shares, 1/n when one has all, and in between otherwise', () => {
    expect(jainIndex([5, 5, 5, 5])).toBe(1);
    expect(jainIndex([9, 0, 0])).toBeCloseTo(1 / 3);
    expect(jainIndex([2, 1])).toBeCloseTo(0.9);
  });
});

describe('a histogram', () => {
  it('knows percentiles to 1 % over six orders of magnitude, and the rest exactly', () => {
    const histogram = new Histogram();
    const values = Array.from({ length: 10_000 }, (_, n) => 0.01 * 1.0015 ** n);
    for (const value of values) histogram.record(value);
    for (const share of [0.01, 0.5, 0.95, 0.99]) {
      const exact = percentile(values, share);
      expect(histogram.percentile(share)).toBeGreaterThanOrEqual(exact * 0.9999);
      expect(histogram.percentile(share)).toBeLessThanOrEqual(exact * 1.0101);
    }
    const { count, meanMs, maxMs } = histogram.summary();
    expect(count).toBe(10_000);
    expect(maxMs).toBe(values.at(-1));
    expect(meanMs).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 10_000);
  });

  it('never tells more than the longest, and 0 of nothing', () => {
    const histogram = new Histogram();
    expect(histogram.summary()).toMatchObject({ count: 0, p99Ms: 0, maxMs: 0, meanMs: 0 });
    histogram.record(5);
    expect(histogram.percentile(0.99)).toBe(5);
  });
});

describe('the use of slots', () => {
  it('sees the gaps, the idle time and the most at once', () => {
    const calls = [
      { startedAtMs: 0, endedAtMs: 50 },
      { startedAtMs: 0, endedAtMs: 60 },
      { startedAtMs: 55, endedAtMs: 100 },
      { startedAtMs: 60, endedAtMs: 100 },
    ];
    const use = slotUse(calls, 2);
    expect(use.gapsMs).toEqual([5, 0]);
    expect(use.mostAtOnce).toBe(2);
    expect(use.makespanMs).toBe(100);
    expect(use.busyShare).toBeCloseTo(195 / 200);
    expect(use.busyShareWhileWaiting).toBeCloseTo(115 / 120);
  });

  it('counts more at once than there are slots', () => {
    const calls = [0, 1, 2].map((startedAtMs) => ({ startedAtMs, endedAtMs: 10 }));
    expect(slotUse(calls, 2).mostAtOnce).toBe(3);
  });
});
