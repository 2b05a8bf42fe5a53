/** The audit trail through the real CLI: every act leaves its row, and whoever tampers with the rows is found out. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { Fila, type AuditCheckpoint, type AuditRow } from '@fila/sdk';
import mysql from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { mariadbAvailable, redisAvailable } from '../services/need.ts';

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)(
    'each act leaves its row, and tampering is named',
    { timeout: 120_000 },
    async () => {
      const ollama = await startSimulatedOllama();
      const engines = await environment();
      const daemon = await startDaemon({ ...engines, FILA_OLLAMA_URLS: ollama.url });
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken, fetch: checkedFetch });
      const run = (...words: string[]) => fila(daemon, words);

      const acts = await actOnEverything(admin, daemon);
      const trail = await admin.audit.list({ order: 'oldest', limit: 1000 }).page();
      expect(trail.items.map(({ act, outcome }) => `${act} ${outcome}`)).toEqual(acts);
      const revoked = await admin.audit.list({ act: 'keys.revoke' }).page();
      expect(revoked.items[0]).toMatchObject({
        actor: { kind: 'admin_token' },
        ...{ outcome: 'done', reason: 'João left', changed: ['revoked_at', 'status'] },
      });
      const created = await admin.audit.list({ act: 'keys.create' }).page();
      // What the digest was after one act, it was before the next.
      const suspended = await admin.audit.list({ act: 'keys.suspend' }).page();
      const updated = await admin.audit.list({ act: 'keys.update' }).page();
      expect(updated.items[0]!.before).toBe(created.items[0]!.after);
      expect(suspended.items[0]!.before).toBe(updated.items[0]!.after);
      expect(await admin.audit.verify()).toMatchObject({ status: 'intact', rows: acts.length });

      const searched = await run('audit', 'search', '--act', 'plans', '--since', '1h', '-o', 'jsonl');
      expect(
        searched.stdout
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as AuditRow).act),
      ).toEqual([...['plans.remove', 'plans.update', 'plans.create']]);
      expect((await run('audit', 'show', '1')).stdout).toContain('keys.create');
      const tail = await run('audit', 'tail', '-n', '2');
      expect(tail.stdout.trim().split('\n')).toHaveLength(2);

      const kept = join(daemon.dataDir, 'kept.jsonl');
      const exported = join(daemon.dataDir, 'export.jsonl');
      const signed = await run('audit', 'checkpoint', '-o', 'jsonl');
      await writeFile(kept, signed.stdout);
      expect((JSON.parse(signed.stdout) as AuditCheckpoint).seq).toBe(acts.length);
      await writeFile(exported, (await run('audit', 'export')).stdout);
      expect(await run('audit', 'verify')).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('Intact'),
      });
      expect(await run('audit', 'verify', '--checkpoints', kept)).toMatchObject({ code: 0 });

      // The newest ten are removed, by somebody who knows all about the tables.
      await sql(engines, daemon, [
        `DELETE FROM audit_rows WHERE seq > ${acts.length - 10}`,
        `UPDATE audit_head SET seq = ${acts.length - 10}, hash = (SELECT hash FROM audit_rows WHERE seq = ${acts.length - 10})`,
        'DELETE FROM audit_checkpoints',
      ]);
      expect(await run('audit', 'verify')).toMatchObject({ code: 0 });
      const found = await run('audit', 'verify', '--checkpoints', kept);
      expect(found).toMatchObject({ code: 8, stderr: expect.stringContaining('Broken') });
      expect(found.stdout).toContain(`${acts.length - 9}-${acts.length}\tmissing`);
      await sql(engines, daemon, [`UPDATE audit_rows SET actor_kind = 'key' WHERE seq = 3`]);
      const changed = await run('audit', 'verify', '-o', 'json');
      expect(changed.code).toBe(8);
      expect(JSON.parse(changed.stdout)).toMatchObject({ problems: [{ seq: 3, kind: 'changed' }] });
      await daemon.stop();
      await ollama.stop();

      // Without a daemon.
      expect(await run('audit', 'verify', '--file', exported)).toMatchObject({ code: 0 });
      const text = await readFile(exported, 'utf8');
      await writeFile(exported, text.replace('"act":"plans.create"', '"act":"plans.remove"'));
      const offline = await run('audit', 'verify', '--file', exported);
      expect(offline.code).toBe(8);
      expect(offline.stdout).toMatch(/^\d+\tchanged\t/);
    },
  );
});

describe('two brokers of one database', () => {
  it.skipIf(!mariadbAvailable || !redisAvailable)(
    'write one trail, which both find intact',
    { timeout: 60_000 },
    async () => {
      const ollama = await startSimulatedOllama();
      const shared = ENGINE_SETS.find(({ name }) => name.startsWith('MariaDB'))!;
      const environment = { ...(await shared.environment()), FILA_OLLAMA_URLS: ollama.url };
      const daemons = [await startDaemon(environment), await startDaemon(environment)];
      const admins = daemons.map(({ url, adminToken }) => new Fila({ url, adminToken, fetch: checkedFetch }));
      const made = Array.from({ length: 40 }, (_, n) => admins[n % 2]!.keys.create({ name: `key ${n}` }));
      const ids = (await Promise.all(made)).map(({ id }) => id);
      for (const { audit } of admins) {
        expect(await audit.verify()).toMatchObject({ status: 'intact', rows: 40, last_seq: 40 });
        const { items } = await audit.list({ act: 'keys.create', limit: 100 }).page();
        expect(new Set(items.map(({ target }) => target.id))).toEqual(new Set(ids));
      }
      const signed = await admins[0]!.audit.checkpoint();
      // The same master key is the same signing key.
      expect(await admins[1]!.audit.checkpoint()).toEqual(signed);
      for (const daemon of daemons) await daemon.stop();
      await ollama.stop();
    },
  );
});

/** What an operator and a key's owner can do; gives the acts that this should have left, in their order. */
async function actOnEverything(admin: Fila, daemon: Daemon): Promise<string[]> {
  const why = { headers: { 'x-fila-reason': encodeURIComponent('João left') } };
  const refused = async (call: PromiseLike<unknown>) => expect(call).rejects.toMatchObject({ name: /.*/ });
  const { id, key } = await admin.keys.create({ name: 'shop' });
  await admin.keys.update(id, { limit_minute: 60 });
  await admin.keys.suspend(id);
  await admin.keys.resume(id);
  await admin.plans.create({ name: 'gold', limit_minute: 600 });
  await admin.plans.update('gold', { limit_minute: 900 });
  await admin.plans.remove('gold');
  await admin.queues.create({ name: 'mail', concurrency: 2 });
  await admin.queues.pause('mail');
  await admin.queues.remove('mail');
  const owner = new Fila({ url: daemon.url, apiKey: key });
  const hook = await owner.webhooks.create({ url: 'https://example.com/hook' });
  await owner.webhooks.update(hook.id, { url: 'https://example.org/hook' });
  await owner.webhooks.rotate(hook.id);
  await owner.webhooks.enable(hook.id);
  await owner.webhooks.delete(hook.id);
  const { items } = await admin.upstreams.list();
  await admin.upstreams.drain(items[0]!.id);
  await admin.upstreams.undrain(items[0]!.id);
  const other = await admin.upstreams.add({ url: 'http://127.0.0.1:9' });
  await admin.upstreams.remove(other.id);
  await refused(admin.deadLetters.discard('req_00000000000000000000000000', { reason: 'no use' }));
  await admin.deadLetters.retryMany({ filter: { all: true }, dry_run: true });
  await admin.deadLetters.retryMany({ filter: { all: true } });
  await admin.verify.fix();
  await admin.keys.revoke(id, why);
  await refused(admin.keys.resume(id));
  return [
    ...['keys.create done', 'keys.update done', 'keys.suspend done', 'keys.resume done'],
    ...['plans.create done', 'plans.update done', 'plans.remove done'],
    ...['queues.create done', 'queues.pause done', 'queues.remove done'],
    ...['webhooks.create done', 'webhooks.update done', 'webhooks.rotate done'],
    ...['webhooks.enable done', 'webhooks.delete done'],
    ...['upstreams.drain done', 'upstreams.undrain done'],
    ...['upstreams.add intended', 'upstreams.add done', 'upstreams.remove done'],
    ...['dead_letters.discard intended', 'dead_letters.discard refused', 'dead_letters.retry_many done'],
    ...['verify.fix intended', 'verify.fix done', 'keys.revoke done', 'keys.resume refused'],
  ];
}

function fila(daemon: Daemon, words: readonly string[]) {
  const env = daemonEnvironment(daemon.dataDir, {});
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, [CLI, ...words], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(child.exitCode) : 0, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

async function sql(
  engines: Record<string, string>,
  daemon: Daemon,
  statements: readonly string[],
): Promise<void> {
  const url = engines['FILA_DATABASE_URL'];
  if (url === undefined) {
    const db = new DatabaseSync(join(daemon.dataDir, 'fila.sqlite'), { timeout: 5_000 });
    for (const statement of statements) db.exec(statement);
    db.close();
    return;
  }
  const connection = await mysql.createConnection(url.replace(/^mariadb:/, 'mysql:'));
  for (const statement of statements) await connection.query(statement);
  await connection.end();
}
