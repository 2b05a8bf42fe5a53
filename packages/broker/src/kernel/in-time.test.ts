import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { inTime } from './in-time.ts';

const late = () => new Error('late');

describe('inTime', () => {
  it('passes on what the work comes to, and leaves no timer behind', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    expect(await inTime(Promise.resolve(7), 100, late)).toBe(7);
    await expect(inTime(Promise.reject(new Error('broken')), 100, late)).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects after the limit, not before, and what the work comes to later troubles nobody', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const work = Promise.withResolvers<never>();
    const seen: string[] = [];
    inTime(work.promise, 100, late).catch((error: Error) => seen.push(error.message));
    await vi.advanceTimersByTimeAsync(99);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toEqual(['late']);
    work.reject(new Error('much later'));
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toEqual(['late']);
  });

  it('an answer that came while the process stood still counts', async () => {
    const answer = inTime(delay(20, 'here'), 40, late);
    const until = performance.now() + 100;
    while (performance.now() < until);
    expect(await answer).toBe('here');
  });
});
