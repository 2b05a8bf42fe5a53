import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { problem, someKey, startScriptedBroker, type ScriptedBroker } from '../testing/scripted-broker.ts';
import { devKey } from './dev-key.ts';

let broker: ScriptedBroker;
let dataDir: string;
/** The key that the broker accepts. */
let accepted: string;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'fila-dev-key-'));
  accepted = 'fila_live_old';
  broker = await startScriptedBroker(({ route, headers }) => {
    if (route.endsWith('/api-keys'))
      return { body: { ...someKey(), key: 'fila_live_new', webhook_secret: 'w' } };
    if (headers.authorization !== `Bearer ${accepted}`) return problem(401, 'unauthorized');
    return { body: { valid: true, key: someKey() } };
  });
});
afterEach(() => broker.stop());

const find = () => devKey({ url: broker.url, adminToken: 'admin' }, dataDir);

it('takes the key of last time while the broker accepts it', async () => {
  writeFileSync(join(dataDir, 'dev.key'), 'fila_live_old\n');
  expect(await find()).toBe('fila_live_old');
  expect(broker.calls.map(({ route }) => route)).toEqual(['POST /api/v1/authenticate']);
});

it.each([
  ['none', undefined],
  ['one that was revoked', 'fila_live_other\n'],
  ['an empty file', '\n'],
  ['nonsense', 'a b\u0007c'],
])('makes the key "dev" when there is %s, and keeps it for the owner alone', async (_what, content) => {
  if (content !== undefined) writeFileSync(join(dataDir, 'dev.key'), content, { mode: 0o644 });
  expect(await find()).toBe('fila_live_new');
  expect(broker.calls.at(-1)).toMatchObject({
    body: { name: 'dev' },
    headers: { authorization: 'Bearer admin' },
  });
  const file = join(dataDir, 'dev.key');
  expect(readFileSync(file, 'utf8')).toBe('fila_live_new\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(dataDir)).toEqual(['dev.key']);
});

it('makes no second key when the broker only cannot say now', async () => {
  writeFileSync(join(dataDir, 'dev.key'), 'fila_live_old\n');
  await broker.stop();
  await expect(find()).rejects.toMatchObject({ name: 'ConnectionFailed' });
});
