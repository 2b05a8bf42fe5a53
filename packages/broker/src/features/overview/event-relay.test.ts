import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Channel, EventBus } from '../../engines/event-bus/event-bus.ts';
import type { Telling } from './event-feed.ts';
import { createEventRelay, type EventRelay } from './event-relay.ts';

/** Two ends of one bus. */
function busOf(): [EventBus, EventBus] {
  const listeners: Map<Channel, (text: string) => void>[] = [new Map(), new Map()];
  const end = (own: number): EventBus => ({
    publish: (channel, text) => listeners[1 - own]!.get(channel)?.(text),
    subscribe: (channel, listener) => void listeners[own]!.set(channel, listener),
    close: () => undefined,
  });
  return [end(0), end(1)];
}

const running: EventRelay[] = [];
afterEach(async () => {
  for (const relay of running.splice(0)) await relay.stop();
  vi.useRealTimers();
});

async function pair() {
  vi.useFakeTimers();
  const heard: Telling[] = [];
  const listens = { here: false };
  const [ours, theirs] = busOf();
  const here = createEventRelay({
    ...{ bus: ours, hear: (telling) => heard.push(telling), hasListeners: () => listens.here },
  });
  const there = createEventRelay({ bus: theirs, hear: () => undefined, hasListeners: () => false });
  running.push(here, there);
  await here.start();
  await there.start();
  return { here, there, heard, listens, raw: theirs };
}

describe('the relay of events between brokers', () => {
  it('wants nothing while nobody listens, and says so at once when somebody does', async () => {
    const { here, there, listens } = await pair();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(there.isWanted()).toBe(false);
    listens.here = true;
    here.want();
    expect(there.isWanted()).toBe(true);
    expect(here.isWanted()).toBe(false);
  });

  it('goes on wanting while somebody listens, and stops some seconds after', async () => {
    const { here, there, listens } = await pair();
    listens.here = true;
    here.want();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(there.isWanted()).toBe(true);
    listens.here = false;
    await vi.advanceTimersByTimeAsync(8_000);
    expect(there.isWanted()).toBe(false);
  });

  it('carries the events of a moment together', async () => {
    const { there, heard, listens } = await pair();
    listens.here = true;
    there.carry({ type: 'request.accepted', request_id: 'req_1' });
    there.carry({ type: 'request.accepted', request_id: 'req_2' });
    expect(heard).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(heard.map((one) => one.request_id)).toEqual(['req_1', 'req_2']);
  });

  it('makes nothing of what is no event', async () => {
    const { heard, listens, raw } = await pair();
    listens.here = true;
    for (const text of ['{', '7', '[null, 3, {"type": 1}]']) raw.publish('events', text);
    expect(heard).toEqual([]);
  });
});
