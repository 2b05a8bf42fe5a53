/** fila verify: finds what was broken on purpose in the stored rows, mends what can be mended, and says so by its exit code. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { Fila } from '@fila/sdk';
import mysql from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const DAMAGE = [
  `UPDATE requests SET result = NULL WHERE state = 1`,
  `UPDATE requests SET state = 7, wake_at = NULL, completed_at = NULL WHERE state = 3`,
  // The receiver was told, and only the deliveries know.
  `DELETE FROM webhook_deliveries`,
  `UPDATE requests SET completed_at = completed_at - 120000 WHERE callback IS NOT NULL`,
  `INSERT INTO outbox (request_id, key_id, type, created_at) VALUES ('req_00000000000000000000000000', 'key_00000000000000000000000000', 'request.completed', 1)`,
];

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)(
    'finds damage, mends it where it can, and leaves the rest to a person',
    async () => {
      const ollama = await startSimulatedOllama();
      const engines = await environment();
      const receiver = await startReceiver();
      const daemon = await startDaemon({
        ...{ ...engines, FILA_OLLAMA_URLS: `${ollama.url}#slots=1`, FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' },
      });
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken, fetch: checkedFetch });
      const fila = new Fila({ url: daemon.url, apiKey: (await admin.keys.create({ name: 'x' })).key });
      await fila.requests.createAndWait({ prompt: 'one that completes' });
      const { id: told } = await fila.requests.createAndWait({ prompt: 'x', callback_url: receiver.url });
      await expect.poll(() => receiver.ids.length, { timeout: 10_000 }).toBe(1);
      const later = await fila.requests.create({
        prompt: 'cancelled',
        run_at: new Date(Date.now() + 60_000).toISOString(),
      });
      await fila.requests.cancel(later.id);
      expect(await admin.verify.check()).toEqual({
        status: 'consistent',
        problems: [],
        lanes_reactivated: 0,
      });
      expect((await verify(daemon)).code).toBe(0);

      await damage(engines, daemon);
      const found = await admin.verify.check();
      expect(found.status).toBe('inconsistent');
      expect(found.problems.map(({ rule, count }) => [rule, count])).toEqual(
        expect.arrayContaining([
          ['completed-has-result', 2],
          ['delayed-wakes', 1],
          ['event-has-request', 1],
          ['ended-request-is-told', 1],
        ]),
      );
      const seen = await verify(daemon);
      expect(seen).toMatchObject({ code: 8, stdout: expect.stringContaining('delayed-wakes') });

      expect(seen.stdout).toContain(`${told}/callback`);

      const fixed = await verify(daemon, '--fix');
      expect(fixed).toMatchObject({ code: 8, stdout: expect.stringContaining('completed-has-result') });
      expect((await fila.requests.wait(later.id)).status).toBe('completed');
      expect((await admin.verify.check()).problems.map((one) => one.rule)).toEqual(['completed-has-result']);
      await expect.poll(() => receiver.ids.length, { timeout: 10_000 }).toBe(2);
      expect(receiver.ids[1]).toBe(receiver.ids[0]);
      await daemon.stop();
      receiver.stop();
      await ollama.stop();
    },
  );
});

async function damage(engines: Record<string, string>, daemon: Daemon): Promise<void> {
  if (!engines['FILA_DATABASE_URL']) {
    const db = new DatabaseSync(join(daemon.dataDir, 'fila.sqlite'));
    for (const statement of DAMAGE) db.exec(statement);
    return db.close();
  }
  const db = await mysql.createConnection(engines['FILA_DATABASE_URL']);
  for (const statement of DAMAGE) await db.query(statement);
  await db.end();
}

function verify(daemon: Daemon, ...words: string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [CLI, 'verify', ...words],
      { env: daemonEnvironment(daemon.dataDir, {}) },
      (error, stdout) => resolve({ code: error ? Number(child.exitCode) : 0, stdout }),
    );
  });
}

/** Notes the ids of the webhooks it hears. */
async function startReceiver() {
  const ids: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ids.push(request.headers['webhook-id'] as string | undefined);
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { ids, url: `http://127.0.0.1:${port}/`, stop: () => void server.close().closeAllConnections() };
}
