import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noRelay } from '../../engines/relay/relay.ts';
import type { LaneName, Ledger } from '../../engines/ledger/ledger.ts';
import { temporaryLedger } from '../../engines/ledger/testing/temporary-database.ts';
import { ledgerHands, KEY } from '../../engines/ledger/testing/ledger-hands.ts';
import { createServer, type Server } from '../../http/server.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { Event, Overview } from '../../kernel/contract.generated.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { createOverview, type OverviewRoom } from './overview.ts';
import { overviewRoutes } from './overview-routes.ts';

const TOKEN = 'the-admin-token-of-this-test-0123456789';
const LANE: LaneName = { queue: 'default', keyId: KEY, band: 2, model: 'model-a' };

let ledger: Ledger;
let overview: OverviewRoom;
let server: Server;
let stopping: AbortController;
const hands = ledgerHands(() => ledger);

beforeEach(async () => {
  ledger = await temporaryLedger();
  stopping = new AbortController();
  overview = createOverview({
    ...{ ledger, relay: noRelay(), clock: systemClock, run: newId('run'), eventsKept: 100 },
    limiter: { brokers: () => ({ count: 1, isFirst: true }) },
    upstreams: () => ({ states: () => [] }),
  });
  await overview.start();
  server = createServer({
    ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 65_536, adminToken: TOKEN, logger: silentLogger },
    acceptKey: async () => null,
    routes: [overviewRoutes({ overview, stopping: stopping.signal })],
    onStopping: () => stopping.abort(),
  });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await overview.stop();
});

const authorization = `Bearer ${TOKEN}`;
const url = (path: string): string => `${server.url()}/api/v1/admin/${path}`;
const get = async <T>(path: string): Promise<T> =>
  (await (await fetch(url(path), { headers: { authorization } })).json()) as T;

/** Reads a stream event by event; ends with the test. */
async function listen(query = '', headers: Record<string, string> = {}) {
  const gone = new AbortController();
  const answer = await fetch(url(`events${query}`), {
    headers: { authorization, ...headers },
    signal: gone.signal,
  });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  async function next(): Promise<Event> {
    for (;;) {
      const [block, ...rest] = text.split('\n\n');
      if (rest.length > 0) {
        text = rest.join('\n\n');
        const data = block!.split('\n').find((line) => line.startsWith('data: '));
        if (data) return JSON.parse(data.slice(6)) as Event;
        continue;
      }
      const { value, done } = await reader.read();
      if (done) throw new Error('The stream has ended.');
      text += value;
    }
  }
  return { answer, next, leave: () => gone.abort() };
}

describe('the overview', () => {
  it('is for operators only', async () => {
    for (const path of ['overview', 'events']) expect((await fetch(url(path))).status).toBe(401);
  });

  it('counts the queue, and names the busiest lanes, keys and models', async () => {
    const lane = await ledger.lanes.idOf(LANE);
    const id = await hands.insert(lane);
    await hands.insert(lane, { runAt: Date.now() + 60_000 });
    overview.told.accepted({ id, laneId: lane }, LANE);
    const found = await get<Overview>('overview?busiest=5');
    expect(found.requests).toMatchObject({ pending: 1, delayed: 1, processing: 0, dead_letters: 0 });
    expect(found.requests.oldest_wait_ms).toBeGreaterThanOrEqual(0);
    expect(found.lanes).toMatchObject([
      { key_id: KEY, model: 'model-a', pending: 1, delayed: 1, accepted_per_minute: 1 },
    ]);
    expect(found.keys).toMatchObject([{ key_id: KEY, key_name: null, pending: 1 }]);
    expect(found.models).toMatchObject([{ model: 'model-a', pending: 1 }]);
    expect(found).toMatchObject({ lanes_total: 1, broker: { brokers: 1 }, webhooks: { due: 0 } });
    expect(found.flow.seconds.accepted).toHaveLength(60);
  });
});

describe('the stream of events', () => {
  it('tells of what happens, goes on after the last that was seen, and says what is missing', async () => {
    const first = await listen();
    expect(first.answer.headers.get('content-type')).toContain('text/event-stream');
    overview.told.accepted({ id: 'req_1', laneId: 1 }, LANE);
    const one = await first.next();
    expect(one).toMatchObject({ type: 'request.accepted', request_id: 'req_1', key_id: KEY });
    first.leave();
    overview.told.cancelled('req_2', KEY);
    const second = await listen('', { 'last-event-id': one.id });
    expect(await second.next()).toMatchObject({ type: 'request.cancelled', request_id: 'req_2' });
    second.leave();
    const stranger = await listen('', { 'last-event-id': 'another0-7' });
    expect(await stranger.next()).toMatchObject({ type: 'gap' });
    stranger.leave();
  });

  it('tells one kind alone, no more than are wanted a second, and how many were left out', async () => {
    const { next, leave } = await listen('?kinds=webhook&most_per_second=2');
    overview.told.cancelled('req_1', KEY);
    const attempt = { state: 'delivered', keyId: KEY, requestId: null, host: 'a', attempts: 1 } as const;
    for (let n = 0; n < 5; n++)
      overview.told.webhook({ ...attempt, deliveryId: `dlv_${n}`, httpStatus: 200, error: null });
    expect(await next()).toMatchObject({ type: 'webhook.delivered', delivery_id: 'dlv_0' });
    expect(await next()).toMatchObject({ delivery_id: 'dlv_1' });
    expect(await next()).toMatchObject({ type: 'gap', missed: 3 });
    leave();
  });

  it('carries the overview itself when it is asked to', async () => {
    const { next, leave } = await listen('?kinds=overview&overview_ms=250');
    for (let n = 0; n < 2; n++)
      expect(await next()).toMatchObject({ type: 'overview', overview: { requests: { pending: 0 } } });
    leave();
  });

  it('drops events of a reader that does not read, and tells it so, without keeping them', async () => {
    const asked = httpRequest(url('events'), { headers: { authorization } });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.pause();
    const detail = 'x'.repeat(10_000);
    for (let n = 0; n < 2_000; n++) {
      overview.feed.tell({ type: 'upstream.changed', detail, count: n });
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    overview.feed.tell({ type: 'upstream.removed' });
    let text = '';
    answer.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    answer.resume();
    while (!text.includes('upstream.removed')) await once(answer, 'data');
    const gaps = [...text.matchAll(/"type":"gap","at":"[^"]+","missed":(\d+)/g)];
    const missed = gaps.reduce((sum, [, count]) => sum + Number(count), 0);
    expect(missed).toBeGreaterThan(0);
    const got = text.split('event: upstream.changed').length - 1;
    expect(got + missed).toBe(2_000);
    asked.destroy();
  });

  it('ends when the broker stops', async () => {
    const { next } = await listen();
    await server.stop();
    await expect(next()).rejects.toThrow();
  });
});
