/** For tests of rooms: the engines on each database there is, opened on an empty one and closed with the test file. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { mariadbAvailable, needMariadb } from '../../../../test/services/need.ts';
import { createEngines, type Engines } from '../engines/engines.ts';
import { systemClock } from '../kernel/clock.ts';
import { silentLogger } from '../kernel/logger.ts';

export type { Engines } from '../engines/engines.ts';

export interface TestDatabase {
  readonly name: string;
  readonly isAvailable: boolean;
  open(): Promise<Engines>;
}

export const DATABASES: readonly TestDatabase[] = [
  { name: 'SQLite', isAvailable: true, open: () => open(null) },
  {
    name: 'MariaDB',
    isAvailable: mariadbAvailable,
    open: async () => open(await (await needMariadb()).createDatabase()),
  },
];

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(databaseUrl: string | null): Promise<Engines> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fila-rooms-'));
  closing.push(() => rm(dataDir, { recursive: true, force: true }));
  const settings = { databaseUrl, redisUrl: null, dataDir, masterKey: randomBytes(32) };
  const engines = createEngines(settings, systemClock, silentLogger);
  closing.push(() => engines.stop());
  await engines.start();
  await engines.opened;
  return engines;
}
