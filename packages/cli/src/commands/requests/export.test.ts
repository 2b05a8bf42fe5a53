/** Requests of all keys, listed and exported: whose token asks, what is written where, and what a lost connection costs. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  someEntry,
  someRequest,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T09:00:00.000Z');

let folder: string;
let broker: ScriptedBroker;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fila-export-'));
});
afterEach(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function fila(
  words: readonly string[],
  answer: (call: SeenCall, count: number) => ScriptedAnswer,
  setup: CliSetup = {},
) {
  broker = await startScriptedBroker(answer);
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', FILA_API_KEY: 'fila_live_x' };
  return runCli(['requests', ...words], { nowMs: NOW, ...setup, env });
}

/** Two pages of own requests, the second after a cursor. */
const twoPages = ({ query }: SeenCall): ScriptedAnswer =>
  query['cursor'] === undefined
    ? { body: { items: [someRequest({ id: 'req_b' }), someRequest({ id: 'req_a' })], next_cursor: 'req_a' } }
    : { body: { items: [someRequest({ id: 'req_0' })], next_cursor: null } };

describe('fila requests list --all-keys', () => {
  it('asks as an operator, with every filter, and shows whose they are', async () => {
    const { code, stdout } = await fila(
      ['list', '--key', 'key_a', '--status', 'failed', '--queue', 'q', '--model', 'm', '--since', '1h'],
      () => ({ body: { items: [someEntry({ error_code: 'upstream_timeout' })], next_cursor: null } }),
      { columns: 200 },
    );
    expect(code).toBe(0);
    expect(broker.calls[0]).toMatchObject({
      route: 'GET /api/v1/admin/requests',
      headers: { authorization: 'Bearer admin-token' },
      query: { key: 'key_a', status: 'failed', queue: 'q', model: 'm', limit: '50' },
    });
    expect(broker.calls[0]!.query['created_after']).toBe('2026-11-20T08:00:00.000Z');
    expect(stdout).toContain('shop');
    expect(stdout).toContain('upstream_timeout');
  });

  it('without it asks with the API key for own requests', async () => {
    await fila(['list'], twoPages);
    expect(broker.calls[0]).toMatchObject({
      route: 'GET /api/v1/requests',
      headers: { authorization: 'Bearer fila_live_x' },
    });
  });
});

describe('fila requests export', () => {
  it('writes every page to stdout, one object a line', async () => {
    const { code, stdout, stderr } = await fila(['export'], twoPages);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(['req_b', 'req_a', 'req_0']);
    expect(stderr).toBe('3 requests.\n');
    expect(broker.calls.map(({ query }) => query['cursor'])).toEqual([undefined, 'req_a']);
  });

  it('writes JSON that is one list, also when there is nothing', async () => {
    const { stdout } = await fila(['export', '--format', 'json'], twoPages);
    expect((JSON.parse(stdout) as object[]).length).toBe(3);
    await broker.stop();
    const empty = await fila(['export', '--format', 'json'], () => ({
      body: { items: [], next_cursor: null },
    }));
    expect(JSON.parse(empty.stdout)).toEqual([]);
  });

  it('writes CSV in which a comma, a quote and a line break do no harm', async () => {
    const result = { text: 'a "b", c\nd', finish_reason: 'stop' as const };
    const { stdout } = await fila(['export', '--format', 'csv'], () => ({
      body: { items: [someRequest({ status: 'completed', result, metadata: { n: 1 } })], next_cursor: null },
    }));
    expect(stdout).toMatch(/^id,status,model,.*,metadata,text\n/);
    expect(stdout).toContain('"{""n"":1}","a ""b"", c\nd"\n');
  });

  it('writes rows of all keys to a new file that only the owner can read, and nothing to stdout', async () => {
    const file = join(folder, 'all.csv');
    const { code, stdout } = await fila(['export', '--all-keys', '--format', 'csv', '--file', file], () => ({
      body: { items: [someEntry()], next_cursor: null },
    }));
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(
      /^id,key_id,status,.*\nreq_0+a,key_0+a,completed,llama3:8b,default,5,/,
    );
  });

  it('overwrites no file', async () => {
    const file = join(folder, 'mine');
    writeFileSync(file, 'mine');
    const { code, stderr } = await fila(['export', '--file', file], twoPages);
    expect(code).toBe(6);
    expect(stderr).toContain('nothing was exported');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(broker.calls).toEqual([]);
  });

  it('goes on where it was when the daemon was away for a moment', async () => {
    const { code, stdout } = await fila(['export'], (call, count) =>
      count === 2 ? problem(503, 'unavailable') : twoPages(call),
    );
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(broker.calls).toHaveLength(3);
  });

  it('leaves no half of a file when it cannot go on', async () => {
    const file = join(folder, 'half');
    const { code } = await fila(['export', '--file', file], (call, count) =>
      count === 2 ? problem(401, 'unauthorized') : twoPages(call),
    );
    expect(code).toBe(4);
    expect(() => statSync(file)).toThrow('ENOENT');
  });

  it('shows on a terminal how far it is, and takes that away', async () => {
    const halfway = (): ScriptedAnswer => ({
      body: { items: [someRequest({ created_at: '2026-11-20T08:00:00.000Z' })], next_cursor: null },
    });
    const { stderr } = await fila(['export', '--since', '2h'], halfway, { columns: 100 });
    expect(stderr).toContain(' 50 %  1 request');
    expect(stderr).toMatch(/\r\u001b\[K1 request\.\n$/);
    await broker.stop();
    const quiet = await fila(['export', '--since', '2h', '-q'], halfway, { columns: 100 });
    expect(quiet.stderr).toBe('');
  });
});
