/** Deliveries in the commit that ends a request: written with it or not at all, sent from memory, and lost by nothing. */
import { afterEach, expect, it } from 'vitest';
import type { ClaimedRow, FinalSettlement } from '../../engines/ledger/ledger.ts';
import { ledgerHands } from '../../engines/ledger/testing/ledger-hands.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import type { RequestSummary } from '../requests/requests.ts';
import { endedRequest, type Told } from './testing/ended-request.ts';
import { startReceiver } from './testing/receiver.ts';
import { type Bench, describeWithWebhooks, until } from './testing/webhook-bench.ts';
import type { Telling, Webhooks } from './webhooks.ts';

interface Row {
  readonly state: string;
  readonly attempts: number;
  readonly lease_owner: string | null;
  readonly receiver: string;
}

const ENDED_AT = 1_800_000_000_000;

afterEach(() => armFailpoints(''));

/** A request that runs, and what it comes to. */
async function running({ ledger, keyId }: Bench): Promise<{ row: ClaimedRow; end: FinalSettlement }> {
  const { lane, insert, claim, completed } = ledgerHands(() => ledger);
  const laneId = await lane();
  await insert(laneId, { keyId, notify: true });
  const [row] = await claim(laneId, 1);
  return { row: row!, end: { ...completed(row!), to: 'completed', completedAt: ENDED_AT } };
}

describeWithWebhooks('an end that is told in the commit that writes it', (bench) => {
  const rows = () => bench().rows<Row>('webhook_deliveries');
  const areDelivered = async (count: number) => {
    const all = await rows();
    return all.length === count && all.every(({ state }) => state === 'delivered');
  };
  const describeAs = (told: Told) => async (): Promise<RequestSummary> =>
    endedRequest({ keyId: bench().keyId, completedAt: ENDED_AT, ...told });

  async function ended(
    room: Webhooks,
    told: Told,
  ): Promise<{ id: string; telling: Telling; written: boolean }> {
    const { row, end } = await running(bench());
    const telling = (await room.tellEnd(row, end, describeAs(told)))!;
    const written = await bench().ledger.settle({ ...end, added: telling.rows });
    return { id: row.id, telling, written };
  }

  it('is sent once, from memory, and leaves nothing in the outbox', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    let looks = 0;
    const room = await bench().room({
      through: (store) => ({
        ...store,
        deliveries: { ...store.deliveries, claim: (what) => ((looks += 1), store.deliveries.claim(what)) },
      }),
    });
    const { id, telling } = await ended(room, { callbackUrl: receiver.url });
    expect(await rows()).toMatchObject([{ state: 'pending', attempts: 1, receiver: 'callback' }]);
    telling.stored();
    await until(() => areDelivered(1));
    expect(receiver.heard.map(({ event }) => [event.type, event.data.id, event.timestamp])).toEqual([
      ['request.completed', id, new Date(ENDED_AT).toISOString()],
    ]);
    expect(await bench().rows('outbox')).toEqual([]);
    expect(looks).toBe(0);
  });

  it('reaches the callback and every endpoint that wants it, and no other', async () => {
    const [callback, wanting, other] = await Promise.all([startReceiver(), startReceiver(), startReceiver()]);
    const room = await bench().room();
    const { endpoints } = room;
    const { keyId } = bench();
    const made = await endpoints.create(keyId, { url: wanting!.url, events: ['request.completed'] });
    await endpoints.create(keyId, { url: other!.url, events: ['request.failed'] });
    callback!.secrets.push(bench().keySecret);
    wanting!.secrets.push(made.secret);
    const { telling } = await ended(room, { callbackUrl: callback!.url });
    telling.stored();
    await until(() => areDelivered(2));
    expect([callback, wanting, other].map((one) => one!.heard.length)).toEqual([1, 1, 0]);
  });

  it('adds no rows when nobody is left to be told, and no event either', async () => {
    const room = await bench().room();
    const { telling, written } = await ended(room, {});
    expect([telling.rows, written]).toEqual([[], true]);
    expect(await bench().rows('outbox')).toEqual([]);
  });

  it('waits in the database where its host has no room, and follows', async () => {
    let isHanging = true;
    const receiver = await startReceiver(() => (isHanging ? { instead: 'hang' } : {}));
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room({ timings: { timeoutMs: 1_500, retryDelaysMs: () => [0, 0] } });
    const count = 20;
    for (let n = 0; n < count; n++) (await ended(room, { callbackUrl: receiver.url })).telling.stored();
    const owned = (await rows()).filter(({ lease_owner: owner }) => owner !== null);
    expect(owned).toHaveLength(16);
    isHanging = false;
    await until(() => areDelivered(count));
  });

  it('is due at once when nobody heard whether it was written', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room();
    const { telling } = await ended(room, { callbackUrl: receiver.url });
    telling.doubted();
    await until(() => areDelivered(1));
    expect(receiver.heard).toHaveLength(1);
  });

  it('is told to nobody when the end was somebody else’s', async () => {
    const receiver = await startReceiver();
    const room = await bench().room();
    const { row, end } = await running(bench());
    const telling = await room.tellEnd(row, end, describeAs({ callbackUrl: receiver.url }));
    const late = { ...end, fence: end.fence + 1, added: telling!.rows };
    expect(await bench().ledger.settle(late)).toBe(false);
    expect(await rows()).toEqual([]);
  });

  it.each([
    ['the request cannot be opened', '', () => Promise.reject(new Error('changed'))],
    ['something of ours breaks', 'webhook.before_make:error@1', undefined],
  ])('is left to the outbox when %s', async (_what, failpoint, broken) => {
    armFailpoints(failpoint);
    const room = await bench().room();
    const { row, end } = await running(bench());
    expect(await room.tellEnd(row, end, broken ?? describeAs({}))).toBeNull();
  });

  it('is left to the outbox when the database does not say whom to tell', async () => {
    let isHanging = false;
    const room = await bench().room({
      through: (store) => ({
        ...store,
        endpoints: {
          ...store.endpoints,
          ofKeys: (keyIds) => (isHanging ? new Promise(() => {}) : store.endpoints.ofKeys(keyIds)),
        },
      }),
    });
    const { row, end } = await running(bench());
    isHanging = true;
    expect(await room.tellEnd(row, end, describeAs({}))).toBeNull();
  });

  it('is sent later when its sending cannot begin', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    armFailpoints('webhook.claim:error@1');
    const room = await bench().room();
    const { telling } = await ended(room, { callbackUrl: receiver.url });
    telling.stored();
    await until(async () => (await rows())[0]?.lease_owner === null);
    expect(await rows()).toMatchObject([{ state: 'pending', attempts: 0 }]);
  });
});
