import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startRecovery } from './recovery.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a recovery', () => {
  it('doubles with every second, and tells of it', () => {
    let told = 0;
    const recovery = startRecovery(() => (told += 1));
    const limits = [0, 1, 2, 3, 4].map((second) => {
      if (second > 0) vi.advanceTimersByTime(1_000);
      return recovery.limit(10);
    });
    expect(limits).toEqual([1, 2, 4, 8, 10]);
    expect(told).toBe(4);
    recovery.stop();
  });

  it('doubles with every success, which needs no telling', () => {
    let told = 0;
    const recovery = startRecovery(() => (told += 1));
    recovery.succeeded();
    recovery.succeeded();
    expect([recovery.limit(256), told]).toEqual([4, 0]);
    recovery.stop();
  });

  it('ends by itself, above every number of slots', () => {
    const recovery = startRecovery(() => {});
    vi.advanceTimersByTime(10_000);
    expect(recovery.limit(256)).toBe(256);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer when stopped', () => {
    startRecovery(() => {}).stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
