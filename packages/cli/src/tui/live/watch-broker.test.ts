import type { Event, EventsOptions, Fila } from '@fila/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aKeyLine, aPicture, aState, inView } from '../testing/sample-state.ts';
import type { TopState } from '../state/top-state.ts';
import { createTopStore } from './store.ts';
import { watchBroker, type BrokerWatch } from './watch-broker.ts';

const running: BrokerWatch[] = [];
beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  const stopped = running.splice(0).map((one) => one.stop());
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all(stopped);
  vi.useRealTimers();
});

interface Broker {
  readonly asked: string[];
  /** Events that come, and when the stream breaks. */
  readonly stream: (options: EventsOptions) => AsyncGenerator<Event>;
  isAway: boolean;
}

function brokerOf(stream: Broker['stream']): Broker {
  return { asked: [], stream, isAway: false };
}

async function* silence({ signal }: EventsOptions): AsyncGenerator<Event> {
  await new Promise((resolve) => signal!.addEventListener('abort', resolve));
}

function watch(broker: Broker, first: TopState = aState({ picture: null, pictureAt: null })) {
  const answer = async <T>(what: string, value: T): Promise<T> => {
    broker.asked.push(what);
    if (broker.isAway) throw new Error('The broker is away.');
    return value;
  };
  const fila = {
    events: broker.stream,
    overview: () => answer('overview', aPicture()),
    keys: { list: () => ({ page: () => answer('keys', { items: [aKeyLine()], next_cursor: null }) }) },
    requests: {
      listAll: (query: object) => ({
        page: () => answer(`requests ${JSON.stringify(query)}`, { items: [], next_cursor: 'more' }),
      }),
    },
  } as unknown as Fila;
  const hopeless: unknown[] = [];
  const store = createTopStore({ ...first, now: Date.now() }, () => undefined);
  const one = watchBroker({
    ...{ fila, store, now: Date.now, everyMs: 500, busiest: 10 },
    onHopeless: (error) => hopeless.push(error),
  });
  running.push(one);
  return { store, one, hopeless };
}

describe('the watch on a broker', () => {
  it('lives on the stream, and asks for no overview while that flows', async () => {
    const broker = brokerOf(async function* ({ signal }) {
      while (!signal!.aborted) {
        yield { id: '', type: 'overview', at: 'now', overview: aPicture() as Event['overview'] };
        yield { id: 'a-1', type: 'request.failed', at: 'now' };
        yield { id: '', type: 'gap', at: 'now', missed: 2 };
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    });
    const { store } = watch(broker);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(store.shown().connection.how).toBe('live');
    expect(store.shown().events.length).toBeGreaterThan(5);
    expect(store.shown().missed).toBeGreaterThan(5);
    expect(broker.asked).toEqual([]);
  });

  it('asks where a stream passes nothing on', async () => {
    const broker = brokerOf(silence);
    const { store } = watch(broker);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(store.shown().connection.how).toBe('polling');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(broker.asked.length).toBeGreaterThanOrEqual(2);
    expect(broker.asked.length).toBeLessThanOrEqual(5);
  });

  it('says that the broker is away, and when it looks again', async () => {
    const broker = brokerOf(async function* (options) {
      const error = Object.assign(new Error('gone'), { detail: 'The connection broke.' }) as never;
      options.onConnection!({ isConnected: false, error, retryInMs: 800 });
      yield* silence(options);
    });
    broker.isAway = true;
    const { store } = watch(broker);
    await vi.advanceTimersByTimeAsync(500);
    expect(store.shown().connection).toMatchObject({ how: 'none', error: 'The connection broke.' });
    expect(store.shown().connection.retryAt).toBeGreaterThan(Date.now());
  });

  it('gives up when nothing will help', async () => {
    const refused = new Error('The token is refused.');
    const broker = brokerOf(async function* () {
      throw refused;
    });
    const { hopeless } = watch(broker);
    await vi.advanceTimersByTimeAsync(100);
    expect(hopeless).toEqual([refused]);
  });

  it('asks for the list that is looked at, again and again, and keeps the old one when that fails', async () => {
    const broker = brokerOf(silence);
    const { store } = watch(broker, inView('keys', { pictureAt: Date.now() }));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(broker.asked.filter((what) => what === 'keys').length).toBe(3);
    expect(store.shown().lists.keys.items).toHaveLength(1);
    broker.isAway = true;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(store.shown().lists.keys).toMatchObject({
      error: 'The broker is away.',
      items: [{ id: 'key_1' }],
    });
  });

  it('asks for what a list was narrowed to, and for none while the picture is held', async () => {
    const broker = brokerOf(silence);
    const query = { keyId: 'key_1', model: 'llama3:8b' };
    const { store } = watch(broker, inView('requests', { query }));
    await vi.advanceTimersByTimeAsync(500);
    expect(broker.asked).toContain('requests {"limit":100,"model":"llama3:8b","key":"key_1"}');
    expect(store.shown().lists.requests.hasMore).toBe(true);
    store.act({ type: 'key', name: 'z' });
    const before = broker.asked.length;
    await vi.advanceTimersByTimeAsync(2_500);
    expect(broker.asked.slice(before).filter((what) => what !== 'overview')).toEqual([]);
  });
});
