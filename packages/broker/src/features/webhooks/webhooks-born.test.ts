/** Deliveries that are claimed by the transaction that makes them: sent from memory, and lost by nothing that happens to it. */
import { expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { startReceiver } from './testing/receiver.ts';
import { describeWithWebhooks, until } from './testing/webhook-bench.ts';
import { webhookStore } from './webhook-store.ts';

interface Row {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly next_at: number | null;
  readonly lease_owner: string | null;
}

describeWithWebhooks('deliveries that are born claimed', (bench) => {
  const rows = () => bench().rows<Row>('webhook_deliveries');
  const areDone = async () => {
    const all = await rows();
    return all.length > 0 && all.every(({ state }) => state === 'delivered');
  };

  it('are sent without being looked for, and are nobody else’s meanwhile', async () => {
    const receiver = await startReceiver(() => ({ instead: 'hang' }));
    receiver.secrets.push(bench().keySecret);
    let claims = 0;
    const room = await bench().room({
      through: (store) => ({
        ...store,
        deliveries: {
          ...store.deliveries,
          claim: (what) => {
            claims += 1;
            return store.deliveries.claim(what);
          },
        },
      }),
    });
    await bench().event({ callbackUrl: receiver.url });
    room.wake();
    await until(() => receiver.heard.length === 1);
    const [row] = await rows();
    expect(row).toMatchObject({ state: 'pending', attempts: 1, lease_owner: expect.stringMatching(/^run_/) });
    expect(Number(row!.next_at)).toBeGreaterThan(Date.now() + 20_000);
    expect(await webhookStore(bench().stores).deliveries.dueHosts()).toEqual([]);
    expect(claims).toBe(0);
  });

  it('are as many as there are places; the others wait in the database, and follow', async () => {
    let isHanging = true;
    const receiver = await startReceiver(() => (isHanging ? { instead: 'hang' } : {}));
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room({ timings: { timeoutMs: 1_500, retryDelaysMs: () => [0, 0] } });
    const count = 30;
    for (let i = 0; i < count; i++) await bench().event({ callbackUrl: receiver.url });
    room.wake();
    await until(() => receiver.heard.length === 16);
    await until(async () => (await rows()).length === count);
    const owned = (await rows()).filter(({ lease_owner: owner }) => owner !== null);
    expect(owned.map(({ attempts }) => attempts)).toEqual(Array(16).fill(1));
    isHanging = false;
    await until(areDone);
    expect(new Set(receiver.heard.map(({ event }) => event.data.id)).size).toBe(count);
  });

  it('are handed back when nobody heard of their making, and arrive once', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    let isFirst = true;
    const room = await bench().room({
      through: (store) => ({
        ...store,
        fanOut: async (events, made, birth) => {
          const ours = await store.fanOut(events, made, birth);
          if (isFirst) {
            isFirst = false;
            throw new Error('the answer was lost');
          }
          return ours;
        },
      }),
    });
    await bench().event({ callbackUrl: receiver.url });
    room.wake();
    await until(areDone);
    expect(await rows()).toMatchObject([{ attempts: 1 }]);
    expect(receiver.heard).toHaveLength(1);
  });

  it('are not sent where another broker made the delivery first', async () => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    const other = newId('run');
    const answers: number[] = [];
    const room = await bench().room({
      through: (store) => ({
        ...store,
        fanOut: async (events, made, birth) => {
          const theirs = made.map((one) => ({ ...one, id: newId('dlv') }));
          const ids = new Set(theirs.map(({ id }) => id));
          await store.fanOut(events, theirs, { ...birth, run: other, ids });
          const ours = await store.fanOut(events, made, birth);
          answers.push(ours.size);
          return ours;
        },
      }),
    });
    await bench().event({ callbackUrl: receiver.url });
    room.wake();
    await until(async () => (await bench().rows('outbox')).length === 0 && answers.length > 0);
    await room.stop();
    expect(answers).toEqual([0]);
    expect(await rows()).toMatchObject([{ state: 'pending', lease_owner: other }]);
    expect(receiver.heard).toEqual([]);
  });

  it('have a log with the attempt that delivered, which has no row of its own', async () => {
    const receiver = await startReceiver((_, count) => ({ status: count === 1 ? 500 : 204 }));
    receiver.secrets.push(bench().keySecret);
    const room = await bench().room({ timings: { retryDelaysMs: () => [0] } });
    await bench().event({ callbackUrl: receiver.url });
    room.wake();
    await until(areDone);
    const [{ id }] = (await rows()) as [Row];
    const log = await room.deliveries.get(bench().keyId, id);
    expect(log.history).toMatchObject([
      { attempt: 1, response_status: 500, error: 'status', latency_ms: expect.any(Number) },
      {
        attempt: 2,
        response_status: 204,
        error: null,
        latency_ms: log.latency_ms,
        ended_at: log.completed_at,
      },
    ]);
    expect(await bench().rows('webhook_attempts')).toMatchObject([{ attempt: 1 }]);
    // As it was written before: not shown twice.
    await bench().database.sequelize.query(
      'INSERT INTO webhook_attempts (delivery_id, attempt, ended_at, response_status, latency_ms) VALUES (?, 2, ?, 204, 7)',
      { replacements: [id, Date.parse(log.completed_at!)] },
    );
    expect((await room.deliveries.get(bench().keyId, id)).history).toHaveLength(2);
  });
});
