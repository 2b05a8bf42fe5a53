import { beforeEach, describe, expect, it } from 'vitest';
import { fail } from '../../kernel/errors.ts';
import { onceCommitted } from '../../kernel/written-together.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { GENESIS, hashOf } from './audit-row.ts';
import type { Act } from './audit.ts';
import { ACT, auditBench, callBy, type AuditBench } from './testing/audit-bench.ts';

const NOTED: Act = { name: 'things.send', kind: 'thing' };

/** A table of another room, written as models write, and read by the ledger's connection, which sees what is committed. */
function plansOf({ database, ledger }: Engines) {
  const columns =
    'limit_minute, limit_hour, limit_day, limit_burst, limit_tokens_day, max_queued, max_concurrent';
  return {
    insert: async (name: string): Promise<void> => {
      const values = `'${name}', 0, 0, 0, 0, 0, 0, 0, 1`;
      await database.sequelize.query(`INSERT INTO plans (name, ${columns}, created_at) VALUES (${values})`);
    },
    committed: async (): Promise<string[]> =>
      (await ledger.sql.all<{ name: string }>('SELECT name FROM plans', [])).map(({ name }) => name),
  };
}

describe.each(DATABASES)('the audit trail on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('', () => {
    let engines: Engines;
    let bench: AuditBench;
    beforeEach(async () => {
      engines = await open();
      bench = auditBench(engines);
    });

    it('has one chain without a gap, also when two brokers write at the same time', async () => {
      const rooms = [bench.room(), bench.room({ database: bench.otherDatabase() })];
      await Promise.all(
        Array.from({ length: 60 }, (_, n) =>
          rooms[n % 2]!.perform(n % 3 === 0 ? NOTED : ACT, callBy(`user-${n}`), async () => n),
        ),
      );
      const rows = await bench.rows(rooms[0]!);
      expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 80 }, (_, n) => n + 1));
      let previous = GENESIS;
      for (const row of rows) {
        expect(row.previous).toBe(previous);
        expect(hashOf(row)).toBe(row.hash);
        previous = row.hash;
      }
      expect(new Set(rows.map(({ actor }) => actor.id)).size).toBe(60);
      expect(await rooms[1]!.verify()).toMatchObject({ status: 'intact', rows: 80, last_seq: 80 });
    });

    it('says who did what to what, from where and why, and what changed', async () => {
      const audit = bench.room();
      const thing = { size: 1, colour: 'red' };
      const act: Act = { ...ACT, state: async () => ({ ...thing }) };
      const call = callBy('ana', { reason: 'because Ana said so' });
      await audit.perform(act, call, async () => {
        thing.size = 2;
      });
      const [row] = (await audit.list({})).items;
      expect(row).toMatchObject({
        ...{ seq: 1, act: 'things.change', outcome: 'done', of: null, code: null, changed: ['size'] },
        actor: { kind: 'user', id: 'ana', name: null },
        target: { kind: 'thing', id: 'thing-1' },
        ...{ ip: '10.0.0.1', request_id: 'call-1', reason: 'because Ana said so' },
      });
      expect(row!.before).toMatch(/^[0-9a-f]{64}$/);
      expect(row!.after).not.toBe(row!.before);
      expect(await audit.get(1)).toEqual(row);
      const [stored] = await engines.ledger.sql.all<{ reason: Buffer }>('SELECT reason FROM audit_rows', []);
      expect(stored!.reason.includes('Ana')).toBe(false);
    });

    it('writes an act and its row together, or neither', async () => {
      const audit = bench.room();
      const plans = plansOf(engines);
      await audit.perform(ACT, callBy('ana'), () => plans.insert('gold'));
      await expect(
        audit.perform(ACT, callBy('ana'), async () => {
          await plans.insert('silver');
          throw fail('conflict');
        }),
      ).rejects.toMatchObject({ code: 'conflict' });
      expect(await plans.committed()).toEqual(['gold']);
      expect((await bench.rows(audit)).map(({ outcome, code }) => [outcome, code])).toEqual([
        ['done', null],
        ['refused', 'conflict'],
      ]);
      // No row can be written any more: nothing is done.
      await bench.sql('DELETE FROM audit_head');
      await expect(audit.perform(ACT, callBy('ana'), () => plans.insert('bronze'))).rejects.toThrow('head');
      let sent = 0;
      await expect(audit.perform(NOTED, callBy('ana'), async () => (sent += 1))).rejects.toThrow('head');
      expect([(await plans.committed()).length, sent]).toEqual([1, 0]);
    });

    it('what waits for the commit happens after it, and never when there is none', async () => {
      const audit = bench.room();
      const plans = plansOf(engines);
      const seen: Promise<number>[] = [];
      const look = () => seen.push(plans.committed().then((names) => names.length));
      await audit.perform(ACT, callBy('ana'), async () => {
        await plans.insert('gold');
        onceCommitted(look);
        look();
        await seen[0];
      });
      expect(await Promise.all(seen)).toEqual([0, 1]);
      const refused = audit.perform(ACT, callBy('ana'), async () => {
        onceCommitted(look);
        throw fail('conflict');
      });
      await expect(refused).rejects.toMatchObject({ code: 'conflict' });
      expect(seen).toHaveLength(2);
      onceCommitted(look);
      expect(seen).toHaveLength(3);
    });

    it('acts that wait for their turn hold no connection that others need', async () => {
      const audit = bench.room();
      const held = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const acts = Array.from({ length: 10 }, () =>
        audit.perform(ACT, callBy('ana'), () => {
          entered.resolve();
          return held.promise;
        }),
      );
      await entered.promise;
      for (let n = 0; n < 20; n++) await engines.database.ping();
      held.resolve();
      await Promise.all(acts);
      expect((await bench.rows(audit)).length).toBe(10);
    });

    it('notes what is not one transaction before and after, and how it failed', async () => {
      const audit = bench.room();
      let rowsMeanwhile = 0;
      await audit.perform(NOTED, callBy('ana'), async () => {
        rowsMeanwhile = (await bench.rows(audit)).length;
      });
      await expect(
        audit.perform(NOTED, callBy('ana'), async () => {
          throw new Error('a defect');
        }),
      ).rejects.toThrow('a defect');
      expect(rowsMeanwhile).toBe(1);
      expect((await bench.rows(audit)).map(({ outcome, of, code }) => [outcome, of, code])).toEqual([
        ['intended', null, null],
        ['done', 1, null],
        ['intended', null, null],
        ['failed', 3, 'internal_error'],
      ]);
    });

    it('leaves no row for a call that does nothing', async () => {
      const audit = bench.room();
      const act: Act = { ...ACT, isMeant: (body) => (body as { dry_run: boolean }).dry_run !== true };
      expect(await audit.perform(act, callBy('ana', { body: { dry_run: true } }), async () => 7)).toBe(7);
      expect(await bench.rows(audit)).toEqual([]);
    });

    it('is searched by who, what, when and to what, page by page in both directions', async () => {
      const audit = bench.room();
      const acts = ['keys.create', 'keys.revoke', 'keyss.create', 'plans.create'];
      for (const [n, name] of acts.entries()) {
        bench.clock.nowMs += 1_000;
        await audit.perform(
          { ...ACT, name },
          callBy(`user-${n}`, { params: { id: `t-${n}` } }),
          async () => n,
        );
      }
      const found = async (query: Parameters<typeof audit.list>[0]) =>
        (await audit.list(query)).items.map(({ seq }) => seq);
      expect(await found({ act: 'keys' })).toEqual([2, 1]);
      expect(await found({ act: 'keys.create' })).toEqual([1]);
      expect(await found({ actor: 'user-3' })).toEqual([4]);
      expect(await found({ actor: 'user' })).toEqual([4, 3, 2, 1]);
      expect(await found({ target: 't-1' })).toEqual([2]);
      expect(await found({ outcome: 'refused' })).toEqual([]);
      const at = (n: number) => new Date(1_800_000_000_000 + n * 1_000).toISOString();
      expect(await found({ since: at(2), until: at(4), order: 'oldest' })).toEqual([2, 3]);
      const page = await audit.list({ limit: 3 });
      expect([page.items.length, page.next_cursor]).toEqual([3, '2']);
      expect(await found({ cursor: '2' })).toEqual([1]);
      expect(await found({ cursor: '2', order: 'oldest' })).toEqual([3, 4]);
    });
  });
});
