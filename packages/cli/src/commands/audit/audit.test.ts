import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import { startScriptedBroker, type ScriptedBroker } from '../../testing/scripted-broker.ts';

const row = (seq: number) => ({
  ...{ seq, at: '2027-01-01T10:00:00.000Z', act: 'keys.create', outcome: 'done', of: null, code: null },
  actor: { kind: 'admin_token', id: null, name: null },
  target: { kind: 'key', id: `key_${seq}` },
  ...{ before: null, after: 'b'.repeat(64), changed: [], reason: 'new \u001b[31mshop', reason_digest: null },
  ...{ ip: '10.0.0.1', request_id: `call-${seq}`, previous: '0'.repeat(64), hash: 'a'.repeat(64) },
});
const page = (...seqs: number[]) => ({ body: { items: seqs.map(row), next_cursor: null } });

let broker: ScriptedBroker | undefined;
afterEach(() => broker?.stop());

async function audit(
  words: readonly string[],
  answers: Parameters<typeof startScriptedBroker>[0],
  setup: CliSetup = {},
) {
  broker = await startScriptedBroker(answers);
  const run = await runCli(['audit', ...words], {
    ...setup,
    env: { FILA_URL: broker.url, FILA_TOKEN: 'token' },
  });
  return { ...run, calls: broker.calls.map(({ query }) => query) };
}

describe('fila audit', () => {
  it('tail shows the newest last, and nothing of a reason can reach the terminal but its words', async () => {
    const { code, stdout } = await audit(['tail', '-n', '2'], () => page(8, 7), { columns: 140 });
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^SEQ +AT +ACTOR +ACT +TARGET +OUTCOME +REASON$/);
    expect(lines[1]).toMatch(/^7 /);
    expect(lines[2]).toMatch(/^8 /);
    expect(stdout).not.toContain('\u001b');
  });

  it('tail -f goes on after the last row until it is interrupted', async () => {
    const answers = [page(2, 1), page(3), page(4)];
    const { code, stdout, calls } = await audit(
      ['tail', '-f', '-o', 'name'],
      () => answers.shift() ?? page(),
      {
        onStdout: (text, signals) => void (text.includes('4\n') && signals.emit('SIGINT')),
      },
    );
    expect({ code, stdout }).toEqual({ code: 130, stdout: '1\n2\n3\n4\n' });
    expect(calls.slice(1, 3)).toEqual([
      { order: 'oldest', cursor: '2', limit: '1000' },
      { order: 'oldest', cursor: '3', limit: '1000' },
    ]);
  });

  it('search turns its flags into a query', async () => {
    const words = ['search', '--since', '1h', '--act', 'keys', '--actor', 'ana', '--outcome', 'refused'];
    const { calls, stderr } = await audit(words, () => page(), { nowMs: Date.parse('2027-01-01T11:00Z') });
    expect(calls[0]).toEqual({
      ...{ since: '2027-01-01T10:00:00.000Z', actor: 'ana', act: 'keys', outcome: 'refused', limit: '50' },
    });
    expect(stderr).toContain('No rows here.');
  });

  it('verify ends with 8 and names the rows', async () => {
    const problems = [{ seq: 3, through: 5, kind: 'missing', detail: 'Removed.' }];
    const body = {
      status: 'broken',
      rows: 9,
      first_seq: 1,
      last_seq: 12,
      hash: null,
      checkpoints: 0,
      problems,
    };
    const { code, stdout } = await audit(['verify'], () => ({ body }));
    expect({ code, stdout }).toEqual({ code: 8, stdout: '3-5\tmissing\tRemoved.\n' });
  });

  it('verify --file needs no daemon, and says which line is none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fila-audit-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'trail.jsonl');
    await writeFile(file, `${JSON.stringify(row(1))}\n\n{"seq":"x"}\n`);
    const broken = await runCli(['audit', 'verify', '--file', file]);
    expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining('line 3') });
    await writeFile(file, `${JSON.stringify(row(1))}\n`);
    const changed = await runCli(['audit', 'verify', '--file', file]);
    expect(changed).toMatchObject({ code: 8, stdout: expect.stringContaining('1\tchanged') });
    const none = await runCli(['audit', 'verify', '--file', join(folder, 'none.jsonl')]);
    expect(none.code).not.toBe(0);
    expect(none.stderr).not.toContain('    at ');
  });

  it('--why goes along with every call', async () => {
    broker = await startScriptedBroker(() => ({ body: { id: 'key_1', status: 'revoked' } }));
    await runCli(['keys', 'suspend', 'key_1', '--why', 'João asked'], {
      env: { FILA_URL: broker.url, FILA_TOKEN: 'token' },
    });
    expect(broker.calls[0]!.headers['x-fila-reason']).toBe(encodeURIComponent('João asked'));
  });
});
