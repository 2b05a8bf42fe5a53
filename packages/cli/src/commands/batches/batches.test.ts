import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch, BatchResult } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const ID = 'bat_01k00000000000000000000000';
const PATH = '/api/v1/batches';
const aBatch = (more: Partial<Batch> = {}, counts: Partial<Batch['counts']> = {}): Batch => ({
  ...{ id: ID, status: 'in_progress', total: 3, progress: 0.333, created_at: '2026-11-20T08:00:00.000Z' },
  counts: { pending: 1, processing: 1, completed: 1, failed: 0, cancelled: 0, expired: 0, ...counts },
  ...{ completed_at: null, cancelled_at: null },
  ...more,
});
const RESULT: BatchResult = {
  ...{ custom_id: 'a', request_id: 'req_a', status: 'completed', error: null, usage: null },
  result: { text: 'Hello\u001b[2J', finish_reason: 'stop' },
};

async function fila(
  words: readonly string[],
  answer: (call: SeenCall, count: number) => ScriptedAnswer = () => ({ body: aBatch() }),
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_API_KEY: 'fila_live_x' };
  const run = await runCli(['batches', ...words], { nowMs: NOW, env, ...setup });
  return { ...run, calls: broker.calls };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'fila-batches-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

describe('fila batches', () => {
  it('create uploads a file, or what is piped in, as it is, and prints the id', async () => {
    const file = join(await folder(), 'requests.jsonl');
    const text = '{"custom_id":"a"}\n{"custom_id":"b"}\n';
    await writeFile(file, text);
    const piped = await fila(['create', '-'], undefined, { stdin: text });
    for (const run of [await fila(['create', file]), piped]) {
      expect(run.stdout).toBe(`${ID}\n`);
      expect(run.calls[0]).toMatchObject({
        ...{ route: `POST ${PATH}`, body: text },
        headers: { authorization: 'Bearer fila_live_x', 'content-type': 'application/x-ndjson' },
      });
    }
    expect((await fila(['create', join(file, 'no')])).code).toBe(1);
  });

  it('create names the lines that are wrong', async () => {
    const refusal = problem(422, 'validation_failed');
    const errors = [
      { line: 2, custom_id: 'b', pointer: '/request/prompt', detail: 'is missing' },
      { line: 7, pointer: '', detail: 'is not valid JSON' },
    ];
    const answer = () => ({ ...refusal, body: { ...(refusal.body as object), errors } });
    const { code, stdout, stderr } = await fila(['create', '-'], answer, { stdin: '{}' });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('line 2 (b) /request/prompt: is missing\n');
    expect(stderr).toContain('line 7 /: is not valid JSON\n');
  });

  it('create --wait says how it ended, also in its exit code', async () => {
    const over = (counts: Partial<Batch['counts']>, status: Batch['status'] = 'completed') =>
      fila(
        ['create', '-', '--wait'],
        (_call, count) => ({ body: count === 1 ? aBatch() : aBatch({ status }, counts) }),
        { stdin: '{}' },
      );
    const none = { pending: 0, processing: 0 };
    const good = await over({ ...none, completed: 3 });
    expect(good.stdout).toContain('status\tcompleted\nended\t3 of 3\n');
    expect(good.stderr).toContain('completed  3 of 3 ended');
    expect([
      good.code,
      (await over({ ...none, completed: 2, failed: 1 })).code,
      (await over({ ...none, completed: 0, failed: 3 })).code,
      (await over({ ...none, cancelled: 2 }, 'cancelled')).code,
    ]).toEqual([0, 3, 1, 6]);
  });

  it('list and show say how far each is', async () => {
    const page = { body: { items: [aBatch()], next_cursor: null } };
    const list = await fila(['list'], () => page, { columns: 100 });
    expect(list.stdout).toMatch(/^ID +STATUS +ENDED +FAILED +CREATED\n/);
    expect(list.stdout).toMatch(/◐ in_progress +1 of 3 +0 +2h ago/);
    expect((await fila(['list', '-o', 'name'], () => page)).stdout).toBe(`${ID}\n`);
    const shown = await fila(['show', ID]);
    expect(shown.calls[0]?.route).toBe(`GET ${PATH}/${ID}`);
    expect(shown.stdout).toContain('pending\t1\nprocessing\t1\ncompleted\t1\n');
    expect(JSON.parse((await fila(['show', ID, '--json'])).stdout)).toEqual(aBatch());
  });

  it('cancel says how many of the requests were stopped', async () => {
    const cancelled = aBatch({ status: 'cancelled' }, { cancelled: 2 });
    const { stdout, calls } = await fila(['cancel', ID], () => ({ body: cancelled }));
    expect(calls[0]?.route).toBe(`POST ${PATH}/${ID}/cancel`);
    expect(stdout).toBe(`batch/${ID} cancelled: 2 of its requests\n`);
  });

  it('results and errors are lines, safe for a terminal, on stdout or in a new file', async () => {
    const lines = ({ query }: SeenCall) => ({ body: null, lines: query['after'] ? [] : [RESULT, RESULT] });
    const results = await fila(['results', ID], lines);
    expect(
      results.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual([RESULT, RESULT]);
    expect(results.stdout).not.toContain('\u001b');
    const file = join(await folder(), 'errors.jsonl');
    const errors = await fila(['errors', ID, '--file', file], lines);
    expect(errors.calls[0]?.route).toBe(`GET ${PATH}/${ID}/errors`);
    expect(errors.stderr).toContain(`2 errors in ${file}.`);
    expect([await readFile(file, 'utf8'), (await stat(file)).mode & 0o777]).toEqual([results.stdout, 0o600]);
    expect((await fila(['errors', ID, '--file', file], lines)).code).toBe(6);
    const other = join(await folder(), 'none.jsonl');
    expect((await fila(['results', ID, '--file', other], () => problem(404, 'not_found'))).code).toBe(5);
    await expect(stat(other)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
