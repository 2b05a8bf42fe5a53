import { expect, it } from 'vitest';
import { createDrainRate } from './drain-rate.ts';

const NOW = 1_800_000_000_000;

it('the wait for a place is the time between two ends of the last half minute, within a second and a minute', () => {
  const drain = createDrainRate();
  expect(drain.waitMs(NOW)).toBe(10_000);
  drain.ended(NOW);
  expect(drain.waitMs(NOW)).toBe(30_000);
  for (let i = 1; i < 10; i++) drain.ended(NOW + i * 1_000);
  expect(drain.waitMs(NOW + 9_000)).toBe(3_000);
  for (let i = 0; i < 500; i++) drain.ended(NOW + 9_000);
  expect(drain.waitMs(NOW + 9_000)).toBe(1_000);
  expect(drain.waitMs(NOW + 60_000)).toBe(10_000);
});
