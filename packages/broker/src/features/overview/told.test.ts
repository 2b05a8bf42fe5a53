import { describe, expect, it, vi } from 'vitest';
import type { ClaimedRow, Settlement } from '../../engines/ledger/ledger.ts';
import { systemClock } from '../../kernel/clock.ts';
import { createEventFeed } from './event-feed.ts';
import { written } from './event-reader.ts';
import { createFlow } from './flow.ts';
import { createTold } from './told.ts';

const LANE = { queue: 'default', keyId: 'key_1', band: 2, model: 'model-a' };
const ROW = { id: 'req_1', laneId: 3, keyId: 'key_1', attempts: 1 } as ClaimedRow;
const DONE = { to: 'completed', countsAttempt: true, promptTokens: 2, completionTokens: 5 } as Settlement;

function toldOf() {
  const feed = createEventFeed({ run: 'run_abcdefgh', clock: systemClock, capacity: 100 });
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs };
  const flow = createFlow(clock);
  const told = createTold(flow, feed);
  return { feed, flow, clock, told, events: () => feed.after(0, 100).events.map(({ event }) => event) };
}

describe('what other rooms tell of', () => {
  it('is counted, and neither an event nor JSON is made of it, while nobody listens', () => {
    const { feed, flow, clock, told } = toldOf();
    const tell = vi.spyOn(feed, 'tell');
    const json = vi.spyOn(JSON, 'stringify');
    told.accepted(ROW, LANE);
    told.started(ROW, LANE, 'a:1');
    told.settled(DONE, ROW, LANE);
    told.cancelled('req_2', 'key_1');
    told.refused('rate_limited', 'key_1');
    expect(tell).not.toHaveBeenCalled();
    expect(json).not.toHaveBeenCalled();
    json.mockRestore();
    clock.nowMs += 1000;
    const counted = ['accepted', 'completed', 'cancelled', 'refused', 'tokens'] as const;
    expect(counted.map((name) => flow.seconds(name, 1)[0])).toEqual([1, 1, 1, 1, 5]);
    expect(flow.lanes().get(3)).toMatchObject({ accepted: 1, ended: 1 });
  });

  it('becomes one event each, put into JSON once for all who read it', () => {
    const { feed, told, events } = toldOf();
    feed.listen(() => undefined);
    told.accepted(ROW, LANE);
    told.started(ROW, LANE, 'a:1');
    told.settled(DONE, ROW, LANE);
    const error = { code: 'upstream_error', sealed: Buffer.from('secret') };
    told.settled({ ...DONE, to: 'delayed', delayMs: 500, error } as Settlement, ROW, LANE);
    told.expired('req_9');
    expect(events().map(({ type }) => type)).toEqual([
      ...['request.accepted', 'request.started', 'request.completed', 'request.retrying', 'request.expired'],
    ]);
    expect(events()[2]).toMatchObject({ tokens: 7, attempts: 2, model: 'model-a', broker: 'run_abcdefgh' });
    expect(events()[3]).toMatchObject({ error_code: 'upstream_error', delay_ms: 500 });
    expect(JSON.stringify(events())).not.toContain('secret');
    expect(written(events()[0]!)).toBe(written(events()[0]!));
  });

  it('gathers refusals, so that a flood of them is one event a second', () => {
    vi.useFakeTimers();
    const { feed, told, events } = toldOf();
    feed.listen(() => undefined);
    for (let n = 0; n < 500; n++) told.refused('rate_limited', 'key_1');
    told.refused('unauthorized', null);
    vi.advanceTimersByTime(1_000);
    vi.useRealTimers();
    expect(events()).toMatchObject([
      { type: 'limit.refused', error_code: 'rate_limited', key_id: 'key_1', count: 500 },
      { type: 'limit.refused', error_code: 'unauthorized', count: 1 },
    ]);
    expect(told.refusals.get('rate_limited')).toBe(500);
  });
});
