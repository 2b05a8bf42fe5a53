/** A process that delivers webhooks until it is killed; run by webhooks-killed.test.ts with its settings as one argument. */
import { openDatabase } from '../../../engines/database/database.ts';
import { openSqliteLedger } from '../../../engines/ledger/sqlite-ledger.ts';
import { dataKeyStore } from '../../../engines/vault/data-key-store.ts';
import { openVault } from '../../../testing/open-vault.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { newId } from '../../../kernel/ids.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import { webhookStore } from '../webhook-store.ts';
import { createWebhooks } from '../webhooks.ts';
import { endedRequest, openCallback } from './ended-request.ts';

export interface Doom {
  readonly dataDir: string;
  readonly masterKey: string;
  readonly keySecret: string;
  readonly keyId: string;
  readonly callbackUrl: string;
}

const doom = JSON.parse(process.argv[2]!) as Doom;
const { sequelize, sqliteFile } = openDatabase({ databaseUrl: null, dataDir: doom.dataDir });
const { keyId, callbackUrl } = doom;
const ended = endedRequest({ keyId, callbackUrl });
const webhooks = createWebhooks({
  store: webhookStore({ sequelize, sql: openSqliteLedger(sqliteFile!).sql }),
  vault: await openVault(Buffer.from(doom.masterKey, 'base64'), dataKeyStore(sequelize)),
  clock: systemClock,
  logger: silentLogger,
  run: newId('run'),
  deadRuns: [],
  logMs: () => 30 * 24 * 3_600_000,
  secretOf: async () => doom.keySecret,
  openCallback,
  lookUp: async (ids) => new Map(ids.map((id) => [id, ended])),
  allowCidrs: ['127.0.0.0/8'],
  timings: { sweepMs: 10, timeoutMs: 1_000 },
});
await webhooks.start();
setInterval(() => webhooks.wake(), 20);
