import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { failedRequests, type Failing } from '../../testing/failed-requests.ts';
import type { Step, Task } from '../operations/operations.ts';
import { createDeadLetters, type DeadLetters } from './dead-letters.ts';

describe.each(DATABASES)('dead letters on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('', () => {
    let engines: Engines;
    let failing: ReturnType<typeof failedRequests>;
    let deadLetters: DeadLetters;

    beforeAll(async () => {
      engines = await open();
      failing = failedRequests(engines);
      const { content, requests } = failing;
      deadLetters = createDeadLetters({ ledger: engines.ledger, content, requests, logger: silentLogger });
    });

    const failed = (more: Failing = {}): Promise<string> => failing.failed(more);
    const idsOf = async (query: Parameters<DeadLetters['list']>[0]): Promise<string[]> =>
      (await deadLetters.list(query)).items.map((one) => one.id);
    const taskOf = (filter: Task['filter'], createdAt = Date.now() + 1_000): Task => ({
      ...{ id: newId('op'), filter, reason: 'all better', createdAt },
    });

    /** Goes through all pages, as an operation does. */
    async function stepsOf(task: Task): Promise<Step[]> {
      const steps: Step[] = [];
      for (let after: string | null = null; ;) {
        const page = await deadLetters.retrying.page(task, after);
        steps.push(...page.steps);
        if (page.reached === null) return steps;
        after = page.reached;
      }
    }

    it('lists what failed, newest first, by each condition and by all at once', async () => {
      const keyId = newId('key');
      const ids = [
        await failed({ keyId, model: 'a:1b', code: 'upstream_timeout', message: 'No token in TIME.' }),
        await failed({ keyId, model: 'b:1b', code: 'upstream_timeout', message: 'No headers.' }),
        await failed({ keyId, model: 'a:1b', code: 'poison' }),
      ];
      const [first, second, third] = ids as [string, string, string];
      expect(await idsOf({ key_id: keyId })).toEqual([third, second, first]);
      expect(await idsOf({ key_id: keyId, error_code: 'upstream_timeout' })).toEqual([second, first]);
      expect(await idsOf({ key_id: keyId, model: 'a:1b' })).toEqual([third, first]);
      expect(await idsOf({ key_id: keyId, text: 'in time' })).toEqual([first]);
      expect(await idsOf({ key_id: keyId, text: 'no', model: 'b:1b' })).toEqual([second]);
      const later = new Date(Date.now() + 60_000).toISOString();
      expect(await idsOf({ key_id: keyId, created_after: later })).toEqual([]);
      expect(await idsOf({ key_id: keyId, created_before: later })).toHaveLength(3);
      expect(await idsOf({ key_id: newId('key') })).toEqual([]);
    });

    it('goes on from page to page, with and without a text', async () => {
      const keyId = newId('key');
      const ids: string[] = [];
      for (let n = 0; n < 7; n++) ids.unshift(await failed({ keyId, message: n % 2 ? 'odd' : 'even' }));
      const walk = async (text?: string): Promise<string[]> => {
        const found: string[] = [];
        for (let cursor: string | undefined; ;) {
          const page = await deadLetters.list({ key_id: keyId, limit: 2, text, cursor });
          expect(page.items.length).toBeLessThanOrEqual(2);
          found.push(...page.items.map((one) => one.id));
          if (page.next_cursor === null) return found;
          cursor = page.next_cursor;
        }
      };
      expect(await walk()).toEqual(ids);
      expect(await walk('even')).toEqual(ids.filter((_, index) => index % 2 === 0));
      await expect(deadLetters.list({ cursor: 'elsewhere' })).rejects.toMatchObject({
        code: 'invalid_cursor',
      });
    });

    it('finds the oldest among hundreds of others, and counts them all', async () => {
      const model = 'many:1b';
      const oldest = await failed({ model, code: 'poison', message: 'the needle' });
      await Promise.all(Array.from({ length: 520 }, () => failed({ model })));
      expect(await idsOf({ model, error_code: 'poison' })).toEqual([oldest]);
      expect(await idsOf({ model, text: 'needle' })).toEqual([oldest]);
      expect(await deadLetters.preview({ model })).toMatchObject({ matched: 521, is_complete: true });
      const steps = await stepsOf(taskOf({ model }));
      expect(steps).toHaveLength(521);
      expect(new Set(steps.map((one) => one.id)).size).toBe(521);
      expect(steps.at(-1)!.id).toBe(oldest);
    });

    it('tells all of one: policy, history, metadata; and no prompt', async () => {
      const policy = { max_attempts: 3, retry_base_ms: 10, retry_cap_ms: 100 };
      const id = await failed({
        code: 'upstream_invalid',
        message: 'Not JSON.',
        policy,
        metadata: { order: 7 },
      });
      const details = await deadLetters.get(id);
      expect(details).toMatchObject({
        ...{ id, state: 'open', model: 'llama3:8b', attempts: 1, deliveries: 0, policy },
        error: { code: 'upstream_invalid', message: 'Not JSON.' },
        metadata: { order: 7 },
        history: [{ upstream: 'http://ollama', error: { code: 'upstream_invalid', message: 'Not JSON.' } }],
        ...{ retry_of: null, retried_as: null, discarded_at: null, discard_reason: null },
      });
      expect(Date.parse(details.history[0]!.ended_at)).toBeGreaterThan(Date.now() - 60_000);
      expect(JSON.stringify(details)).not.toContain('prompt of');
    });

    it('does not know requests that did not fail, nor ids of other things', async () => {
      const waiting = await deadLetters.retry(await failed(), null);
      for (const id of [waiting.id, newId('req'), newId('key'), 'x'])
        await expect(deadLetters.get(id)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('retries one once, keeps the reason, and can retry the retry', async () => {
      const id = await failed({ metadata: { order: 8 } });
      const tries = await Promise.allSettled(
        Array.from({ length: 5 }, () => deadLetters.retry(id, 'better now')),
      );
      const won = tries.filter((one) => one.status === 'fulfilled');
      expect(won).toHaveLength(1);
      const next = won[0]!.value.id;
      await expect(deadLetters.retry(id, null)).rejects.toMatchObject({
        code: 'conflict',
        message: new RegExp(next),
      });
      await expect(deadLetters.discard(id, 'late')).rejects.toMatchObject({ code: 'conflict' });
      expect(await deadLetters.get(id)).toMatchObject({
        ...{ state: 'retried', retried_as: next, retry_reason: 'better now', retry_operation: null },
      });
      expect(await engines.ledger.find(next)).toMatchObject({ state: 'pending', retryOf: id });
      await failing.failNow(next);
      expect(await deadLetters.get(next)).toMatchObject({
        state: 'open',
        retry_of: id,
        metadata: { order: 8 },
      });
      expect((await deadLetters.retry(next, null)).id).not.toBe(id);
    });

    it('discards one, keeps the reason encrypted, and takes it off the list', async () => {
      const keyId = newId('key');
      const id = await failed({ keyId });
      expect(await deadLetters.discard(id, 'a test of ours')).toMatchObject({
        ...{ id, state: 'discarded', discard_reason: 'a test of ours', discarded_at: expect.any(String) },
      });
      expect(await idsOf({ key_id: keyId })).toEqual([]);
      await expect(deadLetters.retry(id, null)).rejects.toMatchObject({ code: 'conflict' });
      const row = await engines.ledger.find(id);
      expect(row!.discardReason!.toString('latin1')).not.toContain('test');
    });

    it('shows what cannot be decrypted, and will not retry it', async () => {
      const [id, other] = [await failed(), await failed()];
      const sealed = (await engines.ledger.find(other))!.error!;
      // An error and a prompt that belong to another row do not open here.
      for (const [column, value] of [
        ['error', sealed],
        ['body', await engines.ledger.body(other)],
      ] as const)
        await engines.database.sequelize.query(`UPDATE requests SET ${column} = ? WHERE id = ?`, {
          replacements: [value, id],
        });
      expect((await deadLetters.get(id)).error).toMatchObject({
        code: 'upstream_failed',
        message: /cannot be decr/,
      });
      await expect(deadLetters.retry(id, null)).rejects.toMatchObject({ code: 'conflict' });
      expect((await deadLetters.get(id)).state).toBe('open');
    });

    it('an operation has a step for each that matches, and what a dry run has counted', async () => {
      const keyId = newId('key');
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) ids.unshift(await failed({ keyId, message: n < 3 ? 'early' : 'late' }));
      const filter = { key_id: keyId, text: 'early' };
      expect(await deadLetters.preview(filter)).toEqual({
        matched: 3,
        is_complete: true,
        sample: ids.slice(2),
      });
      const task = taskOf(filter);
      const steps = await stepsOf(task);
      expect(steps.map((one) => one.id)).toEqual(ids.slice(2));
      expect(await Promise.all(steps.map((one) => one.run()))).toEqual([true, true, true]);
      expect((await deadLetters.preview(filter)).matched).toBe(0);
      expect(await deadLetters.get(ids[2]!)).toMatchObject({
        retry_reason: 'all better',
        retry_operation: task.id,
      });
    });

    it('an operation that comes back finds what it has done as done, and leaves alone what others did', async () => {
      const keyId = newId('key');
      const ids: string[] = [];
      for (let n = 0; n < 4; n++) ids.unshift(await failed({ keyId }));
      const task = taskOf({ key_id: keyId });
      const [own, taken, thrown] = await stepsOf(task);
      expect(await own!.run()).toBe(true);
      await deadLetters.retry(taken!.id, null);
      await deadLetters.discard(thrown!.id, 'x');
      expect(await Promise.all([taken!.run(), thrown!.run()])).toEqual([false, false]);
      const retriedAs = (await deadLetters.get(own!.id)).retried_as;

      const again = await stepsOf(task);
      expect(again.map((one) => one.id)).toEqual([own!.id, ids[3]]);
      expect(await Promise.all(again.map((one) => one.run()))).toEqual([true, true]);
      expect((await deadLetters.get(own!.id)).retried_as).toBe(retriedAs);
      expect((await stepsOf(taskOf({ key_id: keyId }))).map((one) => one.id)).toEqual([]);
    });

    it('a retry that breaks when its request is stored is known to its operation, and made once', async () => {
      const keyId = newId('key');
      const id = await failed({ keyId });
      const task = taskOf({ key_id: keyId });
      const [step] = await stepsOf(task);
      armFailpoints('dead_letters.after_retry_insert:error@1');
      onTestFinished(() => armFailpoints(''));
      await expect(step!.run()).rejects.toThrow('fired');
      const { retriedAs } = (await engines.ledger.find(id))!;
      expect(await engines.ledger.find(retriedAs!)).toMatchObject({ state: 'pending', retryOf: id });
      expect(await step!.run()).toBe(true);
      expect((await engines.ledger.find(id))!.retriedAs).toBe(retriedAs);
    });

    it('what fails after an operation began is not among its steps', async () => {
      const keyId = newId('key');
      const early = await failed({ keyId });
      const { completedAt } = (await engines.ledger.find(early))!;
      const steps = await stepsOf(taskOf({ key_id: keyId }, completedAt! + 1));
      expect(steps.map((one) => one.id)).toEqual([early]);
      expect(await stepsOf(taskOf({ key_id: keyId }, completedAt!))).toEqual([]);
    });
  });
});
