/** What time does: receivers that are away for minutes or days, that ask for patience, or that want nothing any more. */
import { expect, it } from 'vitest';
import { startReceiver, type Receiver } from './testing/receiver.ts';
import { describeWithWebhooks, until, type Bench, type RoomOptions } from './testing/webhook-bench.ts';
import { webhookStore } from './webhook-store.ts';
import type { Webhooks } from './webhooks.ts';

interface Row {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly type: string;
  readonly receiver: string;
  readonly error: string | null;
  readonly next_at: number | null;
  readonly lease_owner: string | null;
  readonly response_status: number | null;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface World {
  readonly clock: { nowMs: number; now(): number };
  readonly room: Webhooks;
  rows(): Promise<Row[]>;
  /** Lets time pass in steps, each after all that was due has been tried. */
  pass(ms: number, stepMs: number): Promise<void>;
}

/** A broker whose time, and whose database's time, only passes when a test says so. */
async function world(bench: Bench, options: RoomOptions = {}): Promise<World> {
  const clock = { nowMs: Date.now(), now: () => clock.nowMs };
  const room = await bench.room({ clock, ...options });
  const rows = () => bench.rows<Row>('webhook_deliveries');
  const rest = async (): Promise<void> => {
    await until(async () => (await bench.rows('outbox')).length === 0);
    await until(async () =>
      (await rows()).every(({ next_at: at, lease_owner: owner }) => {
        return at === null || (owner === null && Number(at) > clock.nowMs);
      }),
    );
  };
  return {
    ...{ clock, room, rows },
    pass: async (ms, stepMs) => {
      await rest();
      for (const end = clock.nowMs + ms; clock.nowMs < end;) {
        clock.nowMs += stepMs;
        await rest();
      }
    },
  };
}

async function receiverOf({ clock }: World, secret: string, reply?: Receiver['reply']): Promise<Receiver> {
  const receiver = await startReceiver(reply, () => clock.nowMs);
  receiver.secrets.push(secret);
  return receiver;
}

describeWithWebhooks('the time of webhooks', (bench) => {
  it('a receiver that is down for ten minutes gets every event, each under an unchanged id', async () => {
    const here = await world(bench());
    let isDown = true;
    const receiver = await receiverOf(here, bench().keySecret, () => (isDown ? { instead: 'drop' } : {}));
    const ids: string[] = [];
    for (let minute = 0; minute < 10; minute++) {
      ids.push(await bench().event({ callbackUrl: receiver.url }));
      await here.pass(MINUTE, 20_000);
    }
    isDown = false;
    const downUntil = here.clock.nowMs;
    await here.pass(45 * MINUTE, MINUTE);
    expect((await here.rows()).map(({ state }) => state)).toEqual(ids.map(() => 'delivered'));
    const heardAfter = receiver.heard.filter(({ atMs }) => atMs > downUntil);
    expect(heardAfter.map(({ event }) => event.data.id).sort()).toEqual([...ids].sort());
    for (const id of ids) {
      const calls = receiver.heard.filter(({ event }) => event.data.id === id);
      expect(calls.length).toBeGreaterThan(1);
      expect(new Set(calls.map((call) => call.id)).size).toBe(1);
      expect(new Set(calls.map((call) => call.body)).size).toBe(1);
      expect(new Set(calls.map((call) => call.headers['webhook-timestamp'])).size).toBe(calls.length);
    }
    expect(receiver.refused).toEqual([]);
  });

  it('a delivery is given up after ten attempts over three days', async () => {
    const here = await world(bench());
    const receiver = await receiverOf(here, bench().keySecret, () => ({ status: 500 }));
    await bench().event({ callbackUrl: receiver.url });
    const began = here.clock.nowMs;
    await here.pass(10 * MINUTE, 1_000);
    expect(receiver.heard).toHaveLength(3);
    await here.pass(4 * DAY, 30 * MINUTE);
    expect(receiver.heard).toHaveLength(10);
    expect(receiver.heard.at(-1)!.atMs - began).toBeGreaterThan(65 * HOUR);
    expect(receiver.heard.at(-1)!.atMs - began).toBeLessThan(90 * HOUR);
    expect(await here.rows()).toMatchObject([{ state: 'failed', error: 'status', response_status: 500 }]);
  });

  it('a receiver that asks for an hour with 503 gets that hour', async () => {
    const here = await world(bench());
    const headers = { 'retry-after': '3600' };
    const receiver = await receiverOf(here, bench().keySecret, (_, count) =>
      count === 1 ? { status: 503, headers } : {},
    );
    await bench().event({ callbackUrl: receiver.url });
    await here.pass(59 * MINUTE, MINUTE);
    expect(receiver.heard).toHaveLength(1);
    await here.pass(2 * MINUTE, MINUTE);
    expect(receiver.heard).toHaveLength(2);
  });

  it('a redirect is a failure, and nobody follows it', async () => {
    const here = await world(bench());
    const target = await receiverOf(here, bench().keySecret);
    const headers = { location: target.url };
    const receiver = await receiverOf(here, bench().keySecret, () => ({ status: 307, headers }));
    await bench().event({ callbackUrl: receiver.url });
    await here.pass(1_000, 1_000);
    expect(receiver.heard).toHaveLength(1);
    expect(target.heard).toEqual([]);
    expect(await here.rows()).toMatchObject([{ state: 'pending', error: 'redirect', response_status: 307 }]);
  });

  it.each([
    ['the metadata service', 'http://169.254.169.254/latest/meta-data'],
    ['IPv6 loopback', 'http://[::1]:1/'],
    ['a private network', 'http://10.0.0.1/'],
    ['a name of loopback in hexadecimal', 'http://0x7f000001:1/'],
  ])('%s is refused', async (_what, callbackUrl) => {
    const here = await world(bench(), { allowCidrs: [] });
    await bench().event({ callbackUrl });
    await here.pass(1_000, 1_000);
    expect(await here.rows()).toMatchObject([{ state: 'pending', error: 'address_refused', attempts: 1 }]);
  });

  it('a name that is rebound after its first call is refused from then on', async () => {
    const addresses = ['127.0.0.1', '169.254.169.254'];
    const here = await world(bench(), {
      resolve: async () => [{ address: addresses.shift() ?? '10.0.0.1', family: 4 }],
    });
    const receiver = await receiverOf(here, bench().keySecret, () => ({ headers: { connection: 'close' } }));
    const callbackUrl = `http://rebinding.example:${receiver.port}/`;
    await bench().event({ callbackUrl });
    await here.pass(1_000, 1_000);
    await bench().event({ callbackUrl });
    await here.pass(1_000, 1_000);
    expect(receiver.heard).toHaveLength(1);
    const [refused] = (await here.rows()).filter(({ state }) => state === 'pending');
    expect(refused).toMatchObject({ error: 'address_refused' });
  });

  it('410 disables an endpoint at once, and the others of its key are told', async () => {
    const here = await world(bench());
    const { keyId } = bench();
    const gone = await receiverOf(here, '', () => ({ status: 410 }));
    const other = await receiverOf(here, '');
    const { id, secret } = await here.room.endpoints.create(keyId, { url: gone.url });
    gone.secrets.splice(0, 1, secret);
    const events = ['endpoint.disabled' as const];
    other.secrets.splice(0, 1, (await here.room.endpoints.create(keyId, { url: other.url, events })).secret);
    await bench().event({});
    await here.pass(1_000, 1_000);
    await until(() => other.heard.length === 1);
    expect(other.heard[0]!.event).toMatchObject({
      type: 'endpoint.disabled',
      data: { id, host: gone.host, reason: 'gone' },
    });
    expect(await here.room.endpoints.get(keyId, id)).toMatchObject({
      status: 'disabled',
      disabled_reason: 'gone',
    });
    await bench().event({});
    await here.pass(HOUR, 10 * MINUTE);
    expect(gone.heard).toHaveLength(1);
    expect(other.heard).toHaveLength(1);
  });

  it('five days of nothing but failures disable an endpoint; what it missed comes once it is enabled', async () => {
    const here = await world(bench());
    const { keyId } = bench();
    let isDown = true;
    const receiver = await receiverOf(here, '', () => ({ status: isDown ? 500 : 204 }));
    const other = await receiverOf(here, '');
    const { id, secret } = await here.room.endpoints.create(keyId, { url: receiver.url });
    receiver.secrets.splice(0, 1, secret);
    other.secrets.splice(0, 1, (await here.room.endpoints.create(keyId, { url: other.url })).secret);
    const since = here.clock.nowMs;
    for (let day = 0; day < 5; day++) {
      expect(await here.room.endpoints.get(keyId, id)).toMatchObject({ status: 'enabled' });
      await bench().event({});
      await here.pass(DAY, 3 * HOUR);
    }
    await bench().event({});
    await here.pass(HOUR, 20 * MINUTE);
    expect(await here.room.endpoints.get(keyId, id)).toMatchObject({
      ...{ status: 'disabled', disabled_reason: 'failing', failing_since: new Date(since).toISOString() },
    });
    const notices = other.heard.filter(({ event }) => event.type === 'endpoint.disabled');
    expect(notices).toHaveLength(1);
    await bench().event({});
    await here.pass(3 * DAY, 6 * HOUR);
    const mine = (await here.rows()).filter((row) => row.receiver === id);
    expect(mine.map(({ state }) => state)).toEqual(mine.map(() => 'failed'));
    expect(mine).toHaveLength(7);

    isDown = false;
    await expect(here.room.deliveries.redeliverSince(keyId, id, since)).rejects.toMatchObject({
      code: 'conflict',
    });
    await here.room.endpoints.enable(keyId, id);
    const before = receiver.heard.length;
    expect(await here.room.deliveries.redeliverSince(keyId, id, since)).toBe(7);
    await here.pass(1_000, 1_000);
    const replayed = receiver.heard.slice(before);
    expect(new Set(replayed.map((call) => call.id)).size).toBe(7);
    expect(await here.room.deliveries.redeliverSince(keyId, id, since)).toBe(0);
    expect(await here.room.endpoints.get(keyId, id)).toMatchObject({
      status: 'enabled',
      failing_since: null,
    });
  });

  it('one success in five days keeps an endpoint enabled', async () => {
    const here = await world(bench());
    const { keyId } = bench();
    let isDown = true;
    const receiver = await receiverOf(here, '', () => ({ status: isDown ? 500 : 204 }));
    const { id, secret } = await here.room.endpoints.create(keyId, { url: receiver.url });
    receiver.secrets.splice(0, 1, secret);
    for (let day = 0; day < 8; day++) {
      isDown = day !== 3;
      await bench().event({});
      await here.pass(DAY, 3 * HOUR);
    }
    expect(await here.room.endpoints.get(keyId, id)).toMatchObject({ status: 'enabled' });
  });

  it('during a rotation either secret verifies, and after it only the new one', async () => {
    const here = await world(bench());
    const { keyId } = bench();
    const [old, fresh] = [await receiverOf(here, ''), await receiverOf(here, '')];
    const { id, secret } = await here.room.endpoints.create(keyId, { url: old.url });
    const rotated = await here.room.endpoints.rotate(keyId, id);
    expect(Date.parse(rotated.previous_secret_until!) - here.clock.nowMs).toBe(DAY);
    old.secrets.splice(0, 1, secret);
    fresh.secrets.splice(0, 1, rotated.secret);
    await bench().event({});
    await here.pass(1_000, 1_000);
    await here.room.endpoints.update(keyId, id, { url: fresh.url });
    await bench().event({});
    await here.pass(1_000, 1_000);
    expect([old.heard.length, fresh.heard.length, old.refused, fresh.refused]).toEqual([1, 1, [], []]);
    expect(fresh.heard[0]!.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);

    here.clock.nowMs += DAY;
    await here.room.endpoints.update(keyId, id, { url: old.url });
    await bench().event({});
    await until(() => old.refused.length === 1);
    expect(old.heard).toHaveLength(1);
    expect(await here.room.endpoints.get(keyId, id)).toMatchObject({ previous_secret_until: null });
  });

  it('what has ended long enough ago is forgotten with its attempts, and what is on its way stays', async () => {
    const here = await world(bench());
    const { deliveries } = webhookStore(bench().stores, here.clock);
    const receiver = await receiverOf(here, bench().keySecret, (_, count) => ({
      status: count === 1 ? 204 : 500,
    }));
    await bench().event({ callbackUrl: receiver.url });
    await here.pass(1_000, 1_000);
    await bench().event({ callbackUrl: receiver.url });
    await here.pass(1_000, 1_000);
    await here.room.stop();
    here.clock.nowMs += 30 * DAY;
    expect(await deliveries.forget(31 * DAY)).toBe(0);
    expect(await deliveries.forget(29 * DAY)).toBe(1);
    const [pending, ...others] = await here.rows();
    expect([pending!.state, others]).toEqual(['pending', []]);
    expect(await bench().rows('webhook_attempts')).toMatchObject([{ delivery_id: pending!.id }]);
  });
});
