import { describe, expect, it } from 'vitest';
import { createEventFeed, type Telling } from './event-feed.ts';

function feedOf({ capacity = 4, isWantedElsewhere = (): boolean => false } = {}) {
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs };
  const carried: Telling[] = [];
  const feed = createEventFeed({
    ...{ run: 'run_00000000000000000abcdefgh', clock, capacity, lingerMs: 1000, isWantedElsewhere },
    carry: (telling) => carried.push(telling),
  });
  const tell = (n: number): void => feed.tell({ type: 'request.accepted', request_id: `req_${n}` });
  return { clock, feed, carried, tell };
}

describe('the feed of events', () => {
  it('is off while nobody listens, and keeps nothing', () => {
    const { feed, tell } = feedOf();
    expect(feed.isOn).toBe(false);
    tell(1);
    expect(feed.last).toBe(0);
  });

  it('wakes who listens, and gives what came after an event', () => {
    const { feed, tell } = feedOf();
    let woken = 0;
    feed.listen(() => (woken += 1));
    for (const n of [1, 2, 3]) tell(n);
    expect(woken).toBe(3);
    const { events, missed } = feed.after(1, 10);
    expect(events.map(({ event }) => event.request_id)).toEqual(['req_2', 'req_3']);
    expect(events[0]).toMatchObject({ kind: 'request', event: { id: 'abcdefgh-2' } });
    expect(missed).toBe(0);
    expect(feed.after(0, 2).events).toHaveLength(2);
  });

  it('says how many were lost to one that was too slow', () => {
    const { feed, tell } = feedOf();
    feed.listen(() => undefined);
    for (let n = 1; n <= 10; n++) tell(n);
    const { events, missed } = feed.after(2, 10);
    expect(missed).toBe(4);
    expect(events.map(({ seq }) => seq)).toEqual([7, 8, 9, 10]);
  });

  it('goes on keeping for a while after the last one has left, then lets go of all', () => {
    const { clock, feed, tell } = feedOf();
    const leave = feed.listen(() => undefined);
    tell(1);
    leave();
    tell(2);
    expect(feed.after(1, 10)).toMatchObject({ missed: 0, events: [{ seq: 2 }] });
    clock.nowMs += 1001;
    expect(feed.isOn).toBe(false);
    tell(3);
    feed.listen(() => undefined);
    expect(feed.after(1, 10)).toEqual({ events: [], missed: 1 });
  });

  it('knows its own ids, not those of another run', () => {
    const { feed, tell } = feedOf();
    feed.listen(() => undefined);
    tell(1);
    expect(feed.seqOf('abcdefgh-1')).toBe(1);
    expect(feed.seqOf('zzzzzzzz-1')).toBeNull();
    expect(feed.seqOf('abcdefgh-2')).toBeNull();
    expect(feed.seqOf('nonsense')).toBeNull();
  });

  it('hands on what is told here when another broker has a listener, and not what was heard', () => {
    const { feed, carried, tell } = feedOf({ isWantedElsewhere: () => true });
    tell(1);
    feed.hear({ type: 'request.accepted', request_id: 'req_2' });
    expect(carried).toMatchObject([{ request_id: 'req_1', broker: 'run_00000000000000000abcdefgh' }]);
    expect(feed.last).toBe(0);
  });
});
