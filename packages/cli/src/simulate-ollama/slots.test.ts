import { describe, expect, it } from 'vitest';
import { createSlots } from './slots.ts';

const staying = new AbortController().signal;

describe('createSlots', () => {
  it('serves in the order of arrival and never more than the limit at once', async () => {
    const peaks = { maxRunning: 0, maxWaiting: 0 };
    const slots = createSlots(() => 2, peaks);
    const order: number[] = [];
    const callers = [1, 2, 3, 4, 5].map(async (caller) => {
      expect(await slots.take(staying)).toBe(true);
      order.push(caller);
      await new Promise((resolve) => setImmediate(resolve));
      slots.give();
    });
    await Promise.all(callers);
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(peaks).toEqual({ maxRunning: 2, maxWaiting: 3 });
    expect([slots.running, slots.waiting]).toEqual([0, 0]);
  });

  it('lets a caller leave the line without taking a slot with it', async () => {
    const slots = createSlots(() => 1, { maxRunning: 0, maxWaiting: 0 });
    const leaving = new AbortController();
    await slots.take(staying);
    const second = slots.take(leaving.signal);
    const third = slots.take(staying);
    leaving.abort();
    expect(await second).toBe(false);
    slots.give();
    expect(await third).toBe(true);
    expect([slots.running, slots.waiting]).toEqual([1, 0]);
  });

  it('refuses one who has already left', async () => {
    const slots = createSlots(() => 1, { maxRunning: 0, maxWaiting: 0 });
    expect(await slots.take(AbortSignal.abort())).toBe(false);
    expect(slots.running).toBe(0);
  });

  it('admits those who wait when the limit grows', async () => {
    let limit = 1;
    const slots = createSlots(() => limit, { maxRunning: 0, maxWaiting: 0 });
    await slots.take(staying);
    const second = slots.take(staying);
    limit = 2;
    slots.admit();
    expect(await second).toBe(true);
  });
});
