import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditVerification } from '../../kernel/contract.generated.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { checkpointSigner } from './audit-checkpoints.ts';
import { hashOf } from './audit-row.ts';
import type { Audit } from './audit.ts';
import { ACT, auditBench, callBy, type AuditBench } from './testing/audit-bench.ts';
import { verifyTrail } from './verify-trail.ts';

const DAY_MS = 86_400_000;

describe.each(DATABASES)('tampering with the audit trail on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('', () => {
    let engines: Engines;
    let bench: AuditBench;
    let audit: Audit;
    beforeEach(async () => {
      engines = await open();
      bench = auditBench(engines);
      audit = bench.room();
      await bench.fill(audit, 30);
    });

    const named = ({ status, problems }: AuditVerification) => [
      status,
      ...problems.map(({ kind, seq, through }) => `${kind} ${seq}-${through}`),
    ];
    /** Makes the newest row that is left the end, as somebody who covers their tracks would. */
    const cutHead = async (): Promise<void> => {
      const { items } = await audit.list({ limit: 1 });
      const { seq, hash } = items[0]!;
      await bench.sql(`UPDATE audit_head SET seq = ${seq}, hash = '${hash}'`);
    };

    it('an untouched trail is intact', async () => {
      expect(await audit.verify()).toMatchObject({ status: 'intact', rows: 30, first_seq: 1, last_seq: 30 });
    });

    it('a row is named, whichever of its columns was changed', async () => {
      const changes = [
        `actor_id = 'somebody-else'`,
        `actor_kind = 'system'`,
        `actor_name = 'Ana'`,
        `at = at + 1`,
        `act = 'things.look'`,
        `target_id = NULL`,
        `target_kind = 'key'`,
        `outcome = 'refused'`,
        `of_seq = 3`,
        `code = 'conflict'`,
        `before_digest = hash`,
        `after_digest = hash`,
        `changed = 'size'`,
        `reason_digest = hash`,
        `ip = '10.0.0.2'`,
        `request_id = 'call-2'`,
        `previous = hash`,
      ];
      for (const [n, change] of changes.entries())
        await bench.sql(`UPDATE audit_rows SET ${change} WHERE seq = ${n + 2}`);
      const { problems } = await audit.verify();
      expect(new Set(problems.map(({ kind, seq }) => `${kind} ${seq}`))).toEqual(
        new Set(['changed 17', ...changes.map((_, n) => `changed ${n + 2}`)]),
      );
    });

    it('a row that was changed together with its hash is named', async () => {
      const row = await audit.get(12);
      const forged = { ...row, actor: { ...row.actor, id: 'somebody-else' } };
      await bench.sql(
        `UPDATE audit_rows SET actor_id = 'somebody-else', hash = '${hashOf(forged)}' WHERE seq = 12`,
      );
      expect(named(await audit.verify())).toEqual(['broken', 'changed 12-12']);
    });

    it('rows that were removed or swapped are named', async () => {
      await bench.sql('DELETE FROM audit_rows WHERE seq IN (7, 8, 20)');
      expect(named(await audit.verify())).toEqual(['broken', 'missing 7-8', 'missing 20-20']);
      await bench.sql('UPDATE audit_rows SET seq = 1000 WHERE seq = 3');
      await bench.sql('UPDATE audit_rows SET seq = 3 WHERE seq = 4');
      await bench.sql('UPDATE audit_rows SET seq = 4 WHERE seq = 1000');
      expect(named(await audit.verify())).toEqual(
        expect.arrayContaining(['changed 3-3', 'changed 4-4', 'missing 7-8']),
      );
    });

    it('the removal of the newest ten is seen by the head; with the head cut too, by a checkpoint kept elsewhere', async () => {
      const kept = await audit.checkpoint();
      await bench.sql('DELETE FROM audit_rows WHERE seq > 20');
      expect(named(await audit.verify())).toEqual(['broken', 'missing 21-30']);
      await cutHead();
      await bench.sql('DELETE FROM audit_checkpoints');
      expect((await audit.verify()).status).toBe('intact');
      const rows = await bench.rows(audit);
      expect(named(await verifyTrail({ rows, checkpoints: [kept] }))).toEqual(['broken', 'missing 21-30']);
      // Others in their place do not help.
      await bench.fill(audit, 15);
      expect((await audit.verify()).status).toBe('intact');
      const longer = await bench.rows(audit);
      expect(named(await verifyTrail({ rows: longer, checkpoints: [kept] }))).toEqual([
        'broken',
        'changed 30-30',
      ]);
    });

    it('a checkpoint that was changed, or that another key has signed, is named', async () => {
      const kept = await audit.checkpoint();
      const rows = await bench.rows(audit);
      expect((await verifyTrail({ rows, checkpoints: [kept] })).status).toBe('intact');
      const forged = { ...kept, seq: 29 };
      expect(named(await verifyTrail({ rows, checkpoints: [forged] }))).toEqual([
        'broken',
        'checkpoint 29-29',
      ]);
      const other = checkpointSigner(Buffer.alloc(32, 7)).sign(kept);
      const pinned = { rows, checkpoints: [other], publicKey: kept.public_key };
      expect(named(await verifyTrail(pinned))).toEqual(['broken', 'checkpoint 30-30']);
    });

    it('a broken trail is not signed, and is a critical line in the log', async () => {
      const lines: string[] = [];
      const logger = { ...silentLogger, critical: (_: object, message: string) => void lines.push(message) };
      const watched = bench.room({ logger });
      expect((await watched.checkpoint()).seq).toBe(30);
      await bench.fill(audit, 5);
      await bench.sql(`UPDATE audit_rows SET act = 'things.look' WHERE seq = 33`);
      await expect(watched.checkpoint()).rejects.toMatchObject({ code: 'conflict' });
      expect(lines).toEqual(['the audit trail is broken']);
    });

    it('the words of a reason may be erased, and not replaced', async () => {
      for (const reason of ['first', 'second'])
        await audit.perform(ACT, callBy('ana', { reason }), async () => null);
      await bench.sql('UPDATE audit_rows SET reason = NULL WHERE seq = 31');
      expect((await audit.verify()).status).toBe('intact');
      const row = await audit.get(32);
      const rows = [...(await bench.rows(audit)).slice(0, 31), { ...row, reason: 'other words' }];
      expect(named(await verifyTrail({ rows, checkpoints: [] }))).toEqual(['broken', 'changed 32-32']);
    });

    it('the clean-up removes what is too old, says so, and leaves what the rest is chained to', async () => {
      bench.clock.nowMs += 10 * DAY_MS;
      await bench.fill(audit, 5);
      expect(await audit.forget(30 * DAY_MS)).toBe(0);
      expect(await audit.forget(5 * DAY_MS)).toBe(30);
      expect(await audit.forget(5 * DAY_MS)).toBe(0);
      const rows = await bench.rows(audit);
      expect(rows.map(({ seq }) => seq)).toEqual([31, 32, 33, 34, 35, 36]);
      expect(rows.at(-1)).toMatchObject({ act: 'audit.clean_up', target: { kind: 'audit', id: '1-30' } });
      expect(await audit.verify()).toMatchObject({ status: 'intact', first_seq: 31, checkpoints: 1 });
      expect((await audit.checkpoint()).seq).toBe(36);
      await bench.sql('DELETE FROM audit_rows WHERE seq = 31');
      expect(named(await audit.verify())).toEqual(['broken', 'missing 1-31']);
    });

    it('what was changed is not cleaned away', async () => {
      bench.clock.nowMs += 10 * DAY_MS;
      await bench.fill(audit, 1);
      await bench.sql(`UPDATE audit_rows SET act = 'things.look' WHERE seq = 12`);
      await expect(audit.forget(5 * DAY_MS)).rejects.toMatchObject({ code: 'conflict' });
      expect((await bench.rows(audit)).length).toBe(31);
    });
  });
});
