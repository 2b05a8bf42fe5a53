import { describe, expect, it } from 'vitest';
import { createRetryBudget } from './retry-budget.ts';

function at(nowMs = 1_000_000) {
  const clock = { nowMs, now: () => clock.nowMs };
  const budget = createRetryBudget(clock);
  const drain = (): number => {
    let count = 0;
    while (budget.spend()) count += 1;
    return count;
  };
  return { clock, budget, drain };
}

describe('the budget of retries', () => {
  it('has ten without any success, and then none', () => {
    const { budget, drain } = at();
    expect(drain()).toBe(10);
    expect(budget.spend()).toBe(false);
  });

  it('grows by one for five successes', () => {
    const { budget, drain } = at();
    drain();
    for (let success = 1; success <= 4; success++) budget.succeeded();
    expect(budget.spend()).toBe(false);
    budget.succeeded();
    expect(drain()).toBe(1);
    for (let success = 1; success <= 100; success++) budget.succeeded();
    expect(drain()).toBe(20);
  });

  it('comes back by one a second, up to ten', () => {
    const { clock, drain } = at();
    drain();
    clock.nowMs += 999;
    expect(drain()).toBe(0);
    clock.nowMs += 1;
    expect(drain()).toBe(1);
    clock.nowMs += 3_500;
    expect(drain()).toBe(3);
    clock.nowMs += 3_600_000;
    expect(drain()).toBe(10);
  });

  it('saves up a hundred at most', () => {
    const { budget, drain } = at();
    for (let success = 0; success < 10_000; success++) budget.succeeded();
    expect(drain()).toBe(100);
  });

  it('is not stopped by a clock that steps back', () => {
    const { clock, drain } = at();
    drain();
    clock.nowMs -= 3_600_000;
    expect(drain()).toBe(0);
    clock.nowMs += 2_000;
    expect(drain()).toBe(2);
  });
});
