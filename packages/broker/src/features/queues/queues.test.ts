/** Named queues on real databases: what a request meets at the door, and what operators change on two brokers. */
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { CreateRequest } from '../../kernel/contract.generated.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { Accepted, Arrival } from '../requests/requests.ts';
import { queueStore } from './queue-store.ts';
import { createQueues, NO_POLICY, type Queues } from './queues.ts';

let names = 0;
const newName = (): string => `q${(names += 1)}`;

const arrivalOf = (input: Partial<CreateRequest>): Arrival => ({
  key: { id: newId('key') } as Arrival['key'],
  input: { prompt: 'Hi', ...input } as CreateRequest,
  idempotencyKey: null,
});
const accepted = (isRepeated = false): Accepted => ({ request: {} as Accepted['request'], isRepeated });

describe.each(DATABASES)('queues on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('where it is installed', () => {
    let engines: Engines;
    let queues: Queues;
    const changes: object[] = [];

    async function openQueues(): Promise<Queues> {
      const room = createQueues({
        ...{ store: queueStore(engines.database.sequelize), clock: systemClock },
        logger: { ...silentLogger, info: (fields) => void changes.push(fields) },
        workOf: (queue, most) => engines.ledger.sweeps.workOf(queue, most),
      });
      await room.start();
      return room;
    }

    beforeAll(async () => {
      engines = await open();
      queues = await openQueues();
      return () => queues.stop();
    });

    const admit = (input: Partial<CreateRequest>, room = queues) =>
      room.admit(arrivalOf(input), async () => accepted());

    async function insert(queue: string, runAt: number | null = null): Promise<string> {
      const keyId = newId('key');
      const laneId = await engines.ledger.lanes.idOf({ queue, keyId, band: 2, model: 'm' });
      const id = newId('req');
      const none = { metadata: null, notify: false, callback: null, retryOf: null, idempotency: null };
      const when = { createdAt: Date.now(), runAt, deadlineAt: null };
      const row = { ...none, ...when, id, laneId, keyId, priority: 5, body: Buffer.from('b') };
      await engines.ledger.insert(row);
      return id;
    }

    it('let a request in that names none, and one that names a queue that exists', async () => {
      const name = newName();
      await queues.create({ name, default_priority: 8 });
      const seen: Arrival[] = [];
      const next = async (arrival: Arrival) => (seen.push(arrival), accepted());
      await queues.admit(arrivalOf({}), next);
      await queues.admit(arrivalOf({ queue: name }), next);
      expect(seen.map(({ input, defaultPriority }) => [input.queue, defaultPriority])).toEqual([
        [undefined, null],
        [name, 8],
      ]);
    });

    it('refuse a request for one that does not exist, and say where it says so', async () => {
      await expect(admit({ queue: 'nowhere' })).rejects.toMatchObject({
        ...{ code: 'validation_failed', message: 'There is no queue nowhere.' },
        details: { errors: [{ pointer: '/queue', detail: expect.any(String) }] },
      });
    });

    it('obey what an operator wrote once it is committed, and never what is not', async () => {
      const { name } = await queues.create({ name: newName() });
      const { together } = engines.database;
      const undone = together(async () => {
        expect(await queues.switch(name, 'paused')).toMatchObject({ state: 'paused' });
        expect(queues.isPaused(name)).toBe(false);
        throw new Error('no row in the audit trail');
      });
      await expect(undone).rejects.toThrow('no row');
      expect(queues.isPaused(name)).toBe(false);
      await together(() => queues.switch(name, 'paused'));
      expect(queues.isPaused(name)).toBe(true);
    });

    it('know at once what another broker has made, and within a second what it changed', async () => {
      const other = await openQueues();
      onTestFinished(() => other.stop());
      let told = 0;
      other.onChange(() => (told += 1));
      const name = newName();
      await queues.create({ name, concurrency: 3, max_attempts: 2 });
      // None of it starts before the rules are known.
      expect(other.capOf(name)).toBe(0);
      await admit({ queue: name }, other);
      await vi.waitFor(() => expect(told).toBeGreaterThan(0));
      expect([other.capOf(name), other.policyOf(name).maxAttempts]).toEqual([3, 2]);
      await queues.switch(name, 'paused');
      expect([queues.capOf(name), queues.isPaused(name)]).toEqual([0, true]);
      await vi.waitFor(() => expect(other.capOf(name)).toBe(0), 1_500);
      await queues.update(name, { concurrency: null, max_attempts: 9 });
      await queues.switch(name, 'active');
      await vi.waitFor(
        () => expect([other.capOf(name), other.policyOf(name).maxAttempts]).toEqual([Infinity, 9]),
        1_500,
      );
      await queues.remove(name);
      await vi.waitFor(() => expect(other.has(name)).toBe(false), 1_500);
      // What came in meanwhile runs as the settings say.
      await vi.waitFor(() => expect(other.capOf(name)).toBe(Infinity));
      expect(other.policyOf(name)).toEqual(NO_POLICY);
    });

    it('accept while they are paused, and nothing while they drain', async () => {
      const name = newName();
      await queues.create({ name });
      await queues.switch(name, 'paused');
      await admit({ queue: name });
      expect(await queues.switch(name, 'draining')).toMatchObject({ name, state: 'draining' });
      expect(queues.capOf(name)).toBe(Infinity);
      await expect(admit({ queue: name })).rejects.toMatchObject({
        ...{ code: 'queue_draining', status: 503, details: { retryAfter: 10 } },
      });
      await queues.switch(name, 'active');
      await admit({ queue: name });
    });

    it('take prompts up to their size, counted in bytes over all texts', async () => {
      const name = newName();
      await queues.create({ name, max_prompt_bytes: 10 });
      await admit({ queue: name, prompt: 'ééééé' });
      await expect(admit({ queue: name, prompt: 'éééééa' })).rejects.toMatchObject({
        ...{ code: 'validation_failed', details: { errors: [{ pointer: '/prompt' }] } },
      });
      await expect(admit({ queue: name, prompt: 'abcdef', system: 'abcde' })).rejects.toThrow('11 bytes');
      const messages = ['123456', '12345'].map((content) => ({ role: 'user' as const, content }));
      await expect(admit({ queue: name, prompt: undefined, messages })).rejects.toMatchObject({
        ...{ details: { errors: [{ pointer: '/messages' }] } },
      });
      const input = ['123456', '12345'];
      await expect(admit({ queue: name, prompt: undefined, input })).rejects.toMatchObject({
        ...{ details: { errors: [{ pointer: '/input' }] } },
      });
    });

    it('take as many requests as they may hold, and more when one has ended; a repetition takes no place', async () => {
      const name = newName();
      await queues.create({ name, max_queued: 3 });
      await insert(name);
      await admit({ queue: name });
      await queues.admit(arrivalOf({ queue: name }), async () => accepted(true));
      await admit({ queue: name });
      await expect(admit({ queue: name })).rejects.toMatchObject({
        ...{ code: 'queue_full', status: 503, details: { limit: 'queue', retryAfter: 5 } },
      });
      queues.ended({ keyId: 'key', queue: name, tokens: 0 });
      await admit({ queue: name });
      await expect(admit({ queue: name })).rejects.toMatchObject({ code: 'queue_full' });
    });

    it('say what is in them, and are removed only when that is nothing', async () => {
      const name = newName();
      await queues.create({ name });
      const id = await insert(name);
      await insert(name, Date.now() + 3_600_000);
      const shown = await queues.get(name);
      expect(shown).toMatchObject({ name, pending: 1, delayed: 1, running: 0, counts_up_to: 10_000 });
      expect(shown.oldest_wait_ms).toBeLessThan(60_000);
      expect((await queues.list()).find((one) => one.name === name)).toMatchObject({ pending: 1 });
      await expect(queues.remove(name)).rejects.toMatchObject({ code: 'conflict' });
      const { keyId } = (await engines.ledger.find(id))!;
      await engines.ledger.cancel(id, keyId);
      await expect(queues.remove(name)).rejects.toMatchObject({ code: 'conflict' });
      expect(await queues.get(name)).toMatchObject({ pending: 0, oldest_wait_ms: null });
    });

    it('have a name of their own; the default one stays, and what is not there is not found', async () => {
      const name = newName();
      await queues.create({ name });
      await expect(queues.create({ name })).rejects.toMatchObject({ code: 'conflict' });
      await expect(queues.remove('default')).rejects.toMatchObject({ code: 'conflict' });
      for (const call of [
        () => queues.get('none'),
        () => queues.update('none', {}),
        () => queues.remove('none'),
      ])
        await expect(call()).rejects.toMatchObject({ code: 'not_found' });
    });

    it('leave in the log what they were and what they are', async () => {
      const name = newName();
      await queues.create({ name, max_attempts: 3 });
      await queues.update(name, { max_attempts: 5, fallback_model: 'small' });
      expect(changes.at(-1)).toEqual({
        ...{ queue: name, was: { maxAttempts: 3, fallbackModel: null } },
        is: { maxAttempts: 5, fallbackModel: 'small' },
      });
    });
  });
});
