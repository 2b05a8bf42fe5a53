/** kill -9, again and again, at moments nobody chose: every event arrives, each under one id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../engines/database/database.ts';
import { migrateDatabase } from '../../engines/database/migrate.ts';
import { dataKeyStore } from '../../engines/vault/data-key-store.ts';
import { openVault } from '../../testing/open-vault.ts';
import { newId } from '../../kernel/ids.ts';
import type { Doom } from './testing/doomed-broker.ts';
import { startReceiver } from './testing/receiver.ts';
import { until } from './testing/webhook-bench.ts';

const EVENTS = 60;
const KILLS = 6;
const PROGRAM = fileURLToPath(new URL('./testing/doomed-broker.ts', import.meta.url));

it(
  'a broker that is killed loses no event, and repeats none under another id',
  { timeout: 60_000 },
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'fila-killed-'));
    const database = openDatabase({ databaseUrl: null, dataDir });
    const { sequelize } = database;
    const masterKey = randomBytes(32);
    const keySecret = `whsec_${randomBytes(32).toString('base64')}`;
    const keyId = newId('key');
    await migrateDatabase(database);
    await openVault(masterKey, dataKeyStore(sequelize));

    let child: ChildProcess | null = null;
    onTestFinished(async () => {
      child?.kill('SIGKILL');
      await database.close();
      await rm(dataDir, { recursive: true });
    });
    let untilKill = randomInt(1, 8);
    let kills = 0;
    const receiver = await startReceiver(() => {
      untilKill -= 1;
      if (untilKill === 0 && kills < KILLS) {
        kills += 1;
        child?.kill('SIGKILL');
      }
      return {};
    });
    receiver.secrets.push(keySecret);
    const ids = Array.from({ length: EVENTS }, () => newId('req'));
    const add = async (some: readonly string[]): Promise<void> => {
      for (const id of some)
        await sequelize.query(
          'INSERT INTO outbox (request_id, key_id, type, created_at) VALUES (?, ?, ?, ?)',
          {
            replacements: [id, keyId, 'request.completed', 1],
          },
        );
    };
    const doom: Doom = {
      ...{ dataDir, masterKey: masterKey.toString('base64'), keySecret, keyId },
      callbackUrl: receiver.url,
    };
    const each = EVENTS / (KILLS + 1);
    for (let life = 0; life <= KILLS; life++) {
      await add(ids.slice(Math.floor(life * each), Math.floor((life + 1) * each)));
      untilKill = randomInt(1, 8);
      child = spawn(process.execPath, ['--no-warnings', PROGRAM, JSON.stringify(doom)], { stdio: 'inherit' });
      if (life < KILLS) await once(child, 'exit');
    }

    const count = async (where: string): Promise<number> => {
      const [[row]] = (await sequelize.query(`SELECT COUNT(*) AS n FROM ${where}`)) as [
        [{ n: number }],
        unknown,
      ];
      return row.n;
    };
    await until(async () => (await count(`webhook_deliveries WHERE state = 'delivered'`)) === EVENTS);
    expect(kills).toBe(KILLS);
    expect(await count('outbox')).toBe(0);
    expect(await count('webhook_deliveries')).toBe(EVENTS);
    const byEvent = Map.groupBy(receiver.heard, ({ event }) => event.data.id);
    expect([...byEvent.keys()].sort()).toEqual([...ids].sort());
    for (const calls of byEvent.values()) expect(new Set(calls.map(({ id }) => id)).size).toBe(1);
    // At least one call was heard whose broker was killed before it could write that down.
    expect(receiver.heard.length).toBeGreaterThan(EVENTS);
  },
);
