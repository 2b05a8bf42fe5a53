/** `fila keys rotate`: what is asked, and where the new secret goes. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../testing/run-cli.ts';
import { newSealKeys, unseal } from './sealed-secret.ts';
import { problem, someKey, startScriptedBroker, type ScriptedBroker } from '../../testing/scripted-broker.ts';

const SECRET = 'fila_live_8Kd2NEW';
const UNTIL = '2026-11-21T08:00:00.000Z';
const ID = someKey().id;

let folder: string;
let broker: ScriptedBroker;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fila-rotate-'));
});
afterEach(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Times {
  readonly until: string | null;
  readonly from?: string;
}

async function rotate(words: readonly string[], { until, from }: Times = { until: UNTIL }, status = 200) {
  const rotated = {
    ...someKey({ previous_secret_until: until, secret_valid_from: from ?? null }),
    key: SECRET,
  };
  broker = await startScriptedBroker(() =>
    status === 200 ? { body: rotated } : problem(status, 'unavailable'),
  );
  return runCli(['keys', 'rotate', ID, ...words], {
    env: { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' },
    nowMs: Date.parse('2026-11-20T10:00:00Z'),
  });
}

describe('fila keys rotate', () => {
  it('prints the new secret alone, and until when the old one works', async () => {
    const { code, stdout, stderr } = await rotate([]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${SECRET}\n` });
    expect(stderr).toContain(`accepted until ${UNTIL}`);
    expect(stderr).not.toContain(SECRET);
    expect(broker.calls).toMatchObject([
      { route: `POST /api/v1/admin/api-keys/${ID}/rotate`, query: { overlap_seconds: '86400' } },
    ]);
  });

  it('without an overlap says that the old one ends now', async () => {
    const { stderr } = await rotate(['--overlap', '0s'], { until: null });
    expect(broker.calls[0]!.query).toEqual({ overlap_seconds: '0' });
    expect(stderr).toContain('refused within a second');
  });

  it('writes the secret to a new file that only the owner can read', async () => {
    const file = join(folder, 'shop.key');
    const { stdout, stderr } = await rotate(['--out', file, '-o', 'json']);
    expect(readFileSync(file, 'utf8')).toBe(`${SECRET}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(stdout + stderr).not.toContain(SECRET);
  });

  it('is tried once, and leaves no file, when the answer does not come: a second rotation would end the overlap', async () => {
    const file = join(folder, 'shop.key');
    const { code } = await rotate(['--out', file], { until: null }, 503);
    expect(code).not.toBe(0);
    expect(broker.calls).toHaveLength(1);
    expect(() => statSync(file)).toThrow('ENOENT');
  });

  it('at a time to come says from when the new one is accepted, and until when the old one is', async () => {
    const from = '2026-11-27T08:00:00.000Z';
    const { stderr } = await rotate(['--at', from], { until: '2026-11-28T08:00:00.000Z', from });
    expect(broker.calls[0]!.query).toEqual({ overlap_seconds: '86400', at: from });
    expect(stderr).toContain(`accepted from ${from} on`);
    expect(stderr).toContain('accepted until 2026-11-28T08:00:00.000Z');
  });

  it('seals the new secret to its receiver', async () => {
    const { publicKey, privateKey } = newSealKeys();
    const { stdout, stderr } = await rotate(['--seal-to', publicKey]);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(unseal(privateKey, stdout.trim())).toBe(JSON.stringify({ id: ID, key: SECRET }));
  });

  it('refuses what is no duration, and to lose the secret, before it asks', async () => {
    expect((await rotate(['--overlap', 'long'])).code).toBe(2);
    await broker.stop();
    expect((await rotate(['-o', 'name'])).code).toBe(2);
    expect(broker.calls).toEqual([]);
  });
});
