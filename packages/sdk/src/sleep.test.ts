import { describe, expect, it } from 'vitest';
import { sleep } from './sleep.ts';

describe('sleep', () => {
  it('takes the time it is given', async () => {
    const startedMs = performance.now();
    await sleep(30);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(28);
  });

  it('ends as soon as the signal says stop', async () => {
    const controller = new AbortController();
    let isOver = false;
    const slept = sleep(Infinity, controller.signal).then(() => (isOver = true));
    await sleep(30);
    expect(isOver).toBe(false);
    controller.abort();
    await slept;
    await sleep(Infinity, controller.signal);
  });
});
