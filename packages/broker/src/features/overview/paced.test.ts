import { expect, it, vi } from 'vitest';
import { paced } from './paced.ts';

const advance = (ms: number): void => void vi.advanceTimersByTime(ms);

it('is asked once by many at a time, and not again before its time', async () => {
  vi.useFakeTimers();
  try {
    let asked = 0;
    const value = paced(async () => (asked += 1), { leastMs: 500 });
    expect(await Promise.all([value.get(), value.get()])).toEqual([1, 1]);
    advance(499);
    expect(await value.get()).toBe(1);
    advance(2);
    expect(await value.get()).toBe(2);
  } finally {
    vi.useRealTimers();
  }
});

it('is asked the less often the longer it takes', async () => {
  vi.useFakeTimers();
  try {
    let asked = 0;
    const ask = async (): Promise<number> => {
      advance(100);
      return (asked += 1);
    };
    const value = paced(ask, { leastMs: 500, share: 20 });
    await value.get();
    advance(1_999);
    expect(await value.get()).toBe(1);
    advance(2);
    expect(await value.get()).toBe(2);
  } finally {
    vi.useRealTimers();
  }
});

it('is asked again after a failure once its time has come', async () => {
  let asked = 0;
  const ask = async (): Promise<number> => {
    asked += 1;
    if (asked === 1) throw new Error('away');
    return asked;
  };
  const value = paced(ask, { leastMs: 0 });
  await expect(value.get()).rejects.toThrow('away');
  expect(await value.get()).toBe(2);
});
