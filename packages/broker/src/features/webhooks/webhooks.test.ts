/** Every event reaches every receiver that wants it, whatever dies on the way, and nobody is kept waiting by another. */
import { expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { silentLogger, type Logger } from '../../kernel/logger.ts';
import { startReceiver } from './testing/receiver.ts';
import { endedRequest } from './testing/ended-request.ts';
import { describeWithWebhooks, until } from './testing/webhook-bench.ts';
import type { StoredDelivery } from './webhook-store.ts';

interface Row {
  readonly id: string;
  readonly state: string;
  readonly error: string | null;
  readonly attempts: number;
  readonly message_id: string;
}

describeWithWebhooks('webhooks', (bench) => {
  it('bring a callback what happened, signed with the secret of its key, without prompt or answer', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room();
    const metadata = { order: 7, name: 'São João' };
    const id = await bench().event({ callbackUrl: receiver.url, metadata });
    room.wake();
    await until(() => receiver.heard.length === 1);
    const [call] = receiver.heard;
    expect(call!.event).toEqual({
      type: 'request.completed',
      timestamp: '2027-01-15T08:00:00.000Z',
      data: {
        ...{ id, status: 'completed', model: 'llama3:8b', attempts: 1, error: null, metadata },
        ...{ created_at: '2027-01-15T07:59:50.000Z', completed_at: '2027-01-15T08:00:00.000Z' },
      },
    });
    expect(call!.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(call!.id).toMatch(/^msg_[0-9a-z]{26}$/);
    expect(call!.path).toBe('/hook?token=canary-in-url');
    await until(async () => (await bench().rows<Row>('webhook_deliveries'))[0]?.state === 'delivered');
    expect(await bench().rows('outbox')).toEqual([]);
    expect(receiver.refused).toEqual([]);
  });

  it('reach the callback and every endpoint that wants the type, each under its own id and secret', async () => {
    const [callback, all, failures, otherKey] = await Promise.all([1, 2, 3, 4].map(() => startReceiver()));
    const room = await bench().room();
    const { keyId } = bench();
    callback!.secrets.push(bench().keySecret);
    all!.secrets.push((await room.endpoints.create(keyId, { url: all!.url })).secret);
    const events = ['request.failed' as const];
    failures!.secrets.push((await room.endpoints.create(keyId, { url: failures!.url, events })).secret);
    otherKey!.secrets.push((await room.endpoints.create(newId('key'), { url: otherKey!.url })).secret);
    await bench().event({ callbackUrl: callback!.url });
    await bench().event({ status: 'failed', errorCode: 'poison' }, 'request.failed');
    room.wake();
    await until(() => callback!.heard.length + all!.heard.length + failures!.heard.length === 4);
    expect(all!.heard.map(({ event }) => event.type).sort()).toEqual(['request.completed', 'request.failed']);
    expect(failures!.heard[0]!.event.data).toMatchObject({ status: 'failed', error: { code: 'poison' } });
    const ids = [callback!, all!, failures!].flatMap(({ heard }) => heard.map((call) => call.id));
    expect(new Set(ids).size).toBe(4);
    expect(otherKey!.heard).toEqual([]);
    expect([callback!, all!, failures!].flatMap(({ refused }) => refused)).toEqual([]);
  });

  it('from two brokers on one database arrive once each', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const rooms = [await bench().room(), await bench().room()];
    const endpoint = await startReceiver();
    endpoint.secrets.push((await rooms[0]!.endpoints.create(bench().keyId, { url: endpoint.url })).secret);
    const count = 60;
    for (let i = 0; i < count; i++) {
      await bench().event({ callbackUrl: receiver.url });
      for (const room of rooms) room.wake();
    }
    const isDone = async (): Promise<boolean> =>
      (await bench().rows('outbox')).length === 0 &&
      (await bench().rows<Row>('webhook_deliveries')).every(({ state }) => state === 'delivered');
    await until(async () => receiver.heard.length >= count && endpoint.heard.length >= count && isDone());
    for (const { heard } of [receiver, endpoint]) {
      expect(heard).toHaveLength(count);
      expect(new Set(heard.map(({ id }) => id)).size).toBe(count);
    }
    expect((await bench().rows<Row>('webhook_deliveries')).every(({ attempts }) => attempts === 1)).toBe(
      true,
    );
  });

  it('come again under the same id when the broker dies between sending and writing it down', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const dying = await bench().room({
      timings: { timeoutMs: 150 },
      through: (store) => ({
        ...store,
        deliveries: { ...store.deliveries, settle: () => new Promise(() => undefined) },
      }),
    });
    dying.stop = async () => undefined;
    await bench().event({ callbackUrl: receiver.url });
    dying.wake();
    await until(() => receiver.heard.length === 1);
    await bench().room();
    await until(() => receiver.heard.length === 2);
    const [first, second] = receiver.heard;
    expect(second).toMatchObject({ id: first!.id, body: first!.body });
    await until(async () => (await bench().rows<Row>('webhook_deliveries'))[0]!.state === 'delivered');
  });

  it('are made once when the broker dies between any two steps of the fan-out', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    let deaths = 0;
    const dying = await bench().room({
      through: (store) => ({
        ...store,
        // Once before anything is written, then when the deliveries are there and the outbox row is not gone.
        fanOut: async (events, made, birth) => {
          deaths += 1;
          if (deaths === 2) await store.deliveries.add(made);
          if (deaths <= 2) throw new Error('killed');
          return store.fanOut(events, made, birth);
        },
      }),
    });
    await bench().event({ callbackUrl: receiver.url });
    dying.wake();
    await until(async () => (await bench().rows('outbox')).length === 0);
    await until(() => receiver.heard.length > 0);
    expect(await bench().rows('webhook_deliveries')).toHaveLength(1);
    expect(deaths).toBeGreaterThan(2);
    expect(receiver.heard).toHaveLength(1);
  });

  it('that wait for a hanging host hold up no other', async () => {
    const hanging = await startReceiver(() => ({ instead: 'hang' }));
    const quick = await startReceiver();
    for (const receiver of [hanging, quick]) receiver.secrets.push(bench().keySecret);
    const room = await bench().room({ timings: { timeoutMs: 60_000 } });
    for (let i = 0; i < 40; i++) await bench().event({ callbackUrl: hanging.url });
    for (let i = 0; i < 20; i++) await bench().event({ callbackUrl: quick.url });
    const before = performance.now();
    room.wake();
    await until(() => quick.heard.length === 20);
    expect(performance.now() - before).toBeLessThan(5_000);
    await until(() => hanging.heard.length === 16);
    expect(hanging.connections()).toBe(16);
  });

  it('leave a host that hangs one place, so that many such hosts cannot take all of them', async () => {
    const hanging = await startReceiver(() => ({ instead: 'hang' }));
    hanging.secrets.push(bench().keySecret);
    const room = await bench().room({ timings: { timeoutMs: 200, retryDelaysMs: () => [0, 60_000] } });
    for (let i = 0; i < 8; i++) await bench().event({ callbackUrl: hanging.url });
    room.wake();
    await until(() => hanging.heard.length === 8);
    await until(() => hanging.heard.length === 11);
    const [ninth, tenth, eleventh] = hanging.heard.slice(8).map(({ atMs }) => atMs);
    expect(tenth! - ninth!).toBeGreaterThan(150);
    expect(eleventh! - tenth!).toBeGreaterThan(150);
  });

  it('wait in the outbox while a request cannot be looked up, and hold up no other event', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    let isAway = true;
    const callbackUrl = receiver.url;
    const stuck = await bench().event({ callbackUrl });
    const next = await bench().event({ callbackUrl });
    const gone = await bench().event({ callbackUrl });
    await bench().room({
      lookUp: async (ids) => {
        const told = endedRequest({ callbackUrl, keyId: bench().keyId });
        const known = ids.filter((id) => id !== gone);
        return new Map(known.map((id) => [id, id === stuck && isAway ? new Error('away') : told]));
      },
    });
    await until(() => receiver.heard.length === 1);
    expect(receiver.heard[0]!.event.data.id).toBe(next);
    expect(await bench().rows('outbox')).toMatchObject([{ request_id: stuck }]);
    isAway = false;
    await until(() => receiver.heard.length === 2);
    expect(receiver.heard[1]!.event.data.id).toBe(stuck);
    await until(async () => (await bench().rows('outbox')).length === 0);
  });

  it('broken off by a stop are handed back: due at once, and not counted', async () => {
    const hanging = await startReceiver(() => ({ instead: 'hang' }));
    hanging.secrets.push(bench().keySecret);
    const room = await bench().room();
    await bench().event({ callbackUrl: hanging.url });
    room.wake();
    await until(() => hanging.heard.length === 1);
    await room.stop();
    await room.stop();
    expect(await bench().rows('webhook_deliveries')).toMatchObject([
      { state: 'pending', attempts: 0, lease_owner: null },
    ]);
    hanging.reply = () => ({});
    await bench().room();
    await until(() => hanging.heard.length === 2);
    expect(hanging.heard[1]!.id).toBe(hanging.heard[0]!.id);
  });

  it('that a killed run had claimed are due at once for the run that knows it is dead', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const dead = newId('run');
    await bench().event({ callbackUrl: receiver.url });
    const dying = await bench().room({
      through: (store) => ({
        ...store,
        fanOut: (events, made, birth) =>
          store.fanOut(events, made, { ...birth, run: dead }).then(() => new Set()),
      }),
    });
    await until(async () => (await bench().rows<Row>('webhook_deliveries'))[0]?.attempts === 1);
    await dying.stop();
    const other = await bench().room();
    await other.stop();
    expect(receiver.heard).toEqual([]);
    await bench().room({ deadRuns: [newId('run'), dead] });
    await until(() => receiver.heard.length === 1);
  });

  it('of requests that ended while the broker stops are sent before it has stopped', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room({ timings: { sweepMs: 60_000, stopGraceMs: 5_000 } });
    await bench().event({ callbackUrl: receiver.url });
    await room.stop();
    expect(receiver.heard).toHaveLength(1);
    expect(await bench().rows('webhook_deliveries')).toMatchObject([{ state: 'delivered' }]);
  });

  it('leave no path, query, body or secret in the log, nor readable in the database', async () => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void =>
      void lines.push(`${JSON.stringify(fields)} ${message}`);
    const logger: Logger = { ...silentLogger, debug: log, info: log, warn: log, error: log };
    const receiver = await startReceiver(() => ({ status: 500, body: 'canary-in-answer' }));
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room({ logger, timings: { retryDelaysMs: () => [0] } });
    const { secret } = await room.endpoints.create(bench().keyId, { url: receiver.url });
    receiver.secrets.push(secret);
    await bench().event({ callbackUrl: receiver.url, metadata: { note: 'canary-in-body' } });
    room.wake();
    await until(() => receiver.heard.length === 4);
    await until(async () =>
      (await bench().rows<Row>('webhook_deliveries')).every(({ state }) => state === 'failed'),
    );
    await room.stop();
    const stored = JSON.stringify(
      [...(await bench().rows('webhook_deliveries')), ...(await bench().rows('webhook_endpoints'))],
      (_, value: unknown) =>
        typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data)
          ? Buffer.from(value.data as number[]).toString('latin1')
          : value,
    );
    expect(lines.join('\n')).toContain(receiver.host);
    for (const text of [stored, lines.join('\n')]) {
      expect(text).not.toContain('canary');
      expect(text).not.toContain('/hook');
      expect(text).not.toContain(secret.slice(6));
    }
  });

  it('do not run before the start, and not after the stop', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room();
    await room.stop();
    await bench().event({ callbackUrl: receiver.url });
    room.wake();
    const { id } = await room.endpoints.create(bench().keyId, { url: receiver.url });
    await room.deliveries.test(bench().keyId, id);
    expect(await bench().rows('outbox')).toHaveLength(1);
    expect(await bench().rows<StoredDelivery>('webhook_deliveries')).toMatchObject([{ state: 'pending' }]);
    expect(receiver.heard).toEqual([]);
  });

  it('know within the second whether a key has receivers, and at once when this broker made one', async () => {
    const clock = { nowMs: Date.now(), now: () => clock.nowMs };
    const [here, there] = [await bench().room({ clock }), await bench().room({ clock })];
    const keyId = newId('key');
    expect(await here.hasReceivers(keyId)).toBe(false);
    expect(await there.hasReceivers(keyId)).toBe(false);
    const { id } = await here.endpoints.create(keyId, { url: 'https://receiver.example/hook' });
    expect(await here.hasReceivers(keyId)).toBe(true);
    expect(await there.hasReceivers(keyId)).toBe(false);
    clock.nowMs += 1_001;
    expect(await there.hasReceivers(keyId)).toBe(true);
    await here.endpoints.remove(keyId, id);
    expect(await here.hasReceivers(keyId)).toBe(false);
  });
});
