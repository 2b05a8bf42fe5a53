import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Relay } from '../../engines/relay/relay.ts';
import type { Telling } from './event-feed.ts';
import { createRelayedEvents, type RelayedEvents } from './relayed-events.ts';

/** All that is published reaches all who listen, the sender too. */
function relayOfAll(): Relay {
  const listeners = new Map<string, Set<(message: string) => void>>();
  return {
    publish: (channel, message) => listeners.get(channel)?.forEach((hear) => hear(message)),
    subscribe: (channel, hear) => {
      const all = listeners.get(channel) ?? new Set();
      listeners.set(channel, all.add(hear));
      return () => void all.delete(hear);
    },
    close: async () => undefined,
  };
}

const running: RelayedEvents[] = [];
afterEach(async () => {
  for (const relay of running.splice(0)) await relay.stop();
  vi.useRealTimers();
});

async function pair() {
  vi.useFakeTimers();
  const heard: Telling[] = [];
  const listens = { here: false };
  const relay = relayOfAll();
  const here = createRelayedEvents({
    ...{ relay, run: 'run_here', hear: (telling) => heard.push(telling), hasListeners: () => listens.here },
  });
  const there = createRelayedEvents({
    ...{ relay, run: 'run_there', hear: () => undefined, hasListeners: () => false },
  });
  running.push(here, there);
  await here.start();
  await there.start();
  return { here, there, heard, listens, relay };
}

describe('events between brokers', () => {
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

  it('hears nothing of its own, and nothing any more after it stopped', async () => {
    const { here, there, heard, listens } = await pair();
    listens.here = true;
    here.carry({ type: 'request.accepted', request_id: 'req_own' });
    await vi.advanceTimersByTimeAsync(100);
    await here.stop();
    there.carry({ type: 'request.accepted', request_id: 'req_late' });
    await vi.advanceTimersByTimeAsync(100);
    expect(heard).toEqual([]);
  });

  it('makes nothing of what is no event', async () => {
    const { heard, listens, relay } = await pair();
    listens.here = true;
    for (const text of ['{', '7', '[null, 3, {"type": 1}]', '']) relay.publish('events', `run_there ${text}`);
    relay.publish('events', 'nonsense');
    expect(heard).toEqual([]);
  });
});
