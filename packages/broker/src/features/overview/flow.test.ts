import { describe, expect, it } from 'vitest';
import { createFlow } from './flow.ts';

const LANE = { queue: 'default', keyId: 'key_1', band: 2, model: 'llama3:8b' };

function flowAt(startMs: number) {
  const clock = { nowMs: startMs, now: () => clock.nowMs };
  return { clock, flow: createFlow(clock) };
}

describe('the flow', () => {
  it('counts full seconds, and leaves the one that runs out', () => {
    const { clock, flow } = flowAt(1_000_000);
    flow.count('accepted');
    flow.count('accepted', 2);
    expect(flow.seconds('accepted', 3)).toEqual([0, 0, 0]);
    clock.nowMs += 1000;
    expect(flow.seconds('accepted', 3)).toEqual([0, 0, 3]);
    clock.nowMs += 2000;
    expect(flow.seconds('accepted', 3)).toEqual([3, 0, 0]);
    expect(flow.rate('accepted')).toBe(0.3);
  });

  it('forgets what is older than a minute, also after a long silence', () => {
    const { clock, flow } = flowAt(1_000_000);
    flow.count('failed');
    clock.nowMs += 3_600_000;
    expect(flow.seconds('failed', 60)).toEqual(Array.from({ length: 60 }, () => 0));
    flow.count('failed');
    clock.nowMs += 1000;
    expect(flow.seconds('failed', 2)).toEqual([0, 1]);
  });

  it('goes on in its last second when the clock steps back', () => {
    const { clock, flow } = flowAt(1_000_000);
    clock.nowMs -= 60_000;
    flow.count('accepted');
    clock.nowMs += 61_000;
    expect(flow.seconds('accepted', 1)).toEqual([1]);
  });

  it('lets the minute before fade, and forgets a lane where nothing happens any more', () => {
    const { clock, flow } = flowAt(120_000);
    for (let n = 0; n < 60; n++) flow.countLane(7, LANE, 'accepted');
    flow.countLane(7, LANE, 'ended');
    expect(flow.lanes().get(7)).toEqual({ lane: LANE, accepted: 60, ended: 1 });
    clock.nowMs += 90_000;
    expect(flow.lanes().get(7)).toMatchObject({ accepted: 30, ended: 0.5 });
    clock.nowMs += 60_000;
    expect(flow.lanes().size).toBe(0);
  });
});
