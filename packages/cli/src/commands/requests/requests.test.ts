import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  someRequest,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const ID = 'req_0000000000000000000000000a';
const COMPLETED = someRequest({
  status: 'completed',
  attempts: 1,
  processing_time: 1234,
  result: { text: 'Hello\u001b[2J\nthere', finish_reason: 'stop' },
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  completed_at: '2026-11-20T09:00:00.000Z',
});
const FAILED = someRequest({
  status: 'failed',
  attempts: 5,
  error: { code: 'upstream_failed', message: 'The model \u0007 failed.' },
});

const brokers: ScriptedBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

/** Runs `fila requests …` against a broker that answers so. */
async function requests(
  words: readonly string[],
  answer: (call: SeenCall, count: number) => ScriptedAnswer,
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  brokers.push(broker);
  const env = { FILA_URL: broker.url, FILA_API_KEY: 'fila_live_key', ...setup.env };
  const run = await runCli(['requests', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

/** Accepts a request, and says this when it is asked for it. */
const thenIs =
  (...states: readonly (typeof COMPLETED)[]) =>
  ({ route }: SeenCall, count: number): ScriptedAnswer =>
    route.startsWith('POST') && !route.endsWith('cancel')
      ? { status: 202, body: someRequest() }
      : { body: states[Math.min(count - 2, states.length - 1)] ?? states[0] };

describe('send', () => {
  it('prints the id, and sends what the options say', async () => {
    const { code, stdout, calls } = await requests(
      [
        ...['send', 'Say hello', '--model', 'qwen3:8b', '--system', 'Be brief', '--max-tokens', '50'],
        ...['--temperature', '0.2', '--seed', '-7', '--format', 'json', '--priority', '9'],
        ...['--metadata', 'order=12', '--metadata', 'note=a=b'],
      ],
      thenIs(),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${ID}\n` });
    expect(calls[0]).toMatchObject({
      route: 'POST /api/v1/requests',
      headers: { authorization: 'Bearer fila_live_key' },
    });
    expect(calls[0]!.body).toEqual({
      prompt: 'Say hello',
      model: 'qwen3:8b',
      system: 'Be brief',
      format: 'json',
      metadata: { order: '12', note: 'a=b' },
      priority: 9,
      parameters: { max_tokens: 50, temperature: 0.2, seed: -7 },
    });
  });

  it('sends nothing that was not asked for', async () => {
    const { calls } = await requests(['send', 'hi'], thenIs());
    expect(calls[0]!.body).toEqual({ prompt: 'hi' });
  });

  it('takes the prompt from stdin or a file', async () => {
    const piped = await requests(['send', '--file', '-'], thenIs(), { stdin: 'from stdin\n' });
    expect(piped.calls[0]!.body).toEqual({ prompt: 'from stdin\n' });
    const file = join(mkdtempSync(join(tmpdir(), 'fila-send-')), 'prompt.txt');
    writeFileSync(file, 'from file');
    const filed = await requests(['send', '--file', file], thenIs());
    expect(filed.calls[0]!.body).toEqual({ prompt: 'from file' });
  });

  it.each([
    ['no prompt', ['send']],
    ['two prompts', ['send', 'hi', '--file', '-']],
    ['an empty prompt', ['send', '']],
    ['a wait that is no number', ['send', 'hi', '--wait=soon']],
  ])('%s is a usage error', async (_what, words) => {
    const { code, calls } = await requests(words, thenIs());
    expect(code).toBe(2);
    expect(calls).toHaveLength(0);
  });

  it('a file that is not there ends with 1', async () => {
    expect((await requests(['send', '--file', '/nonexistent/prompt'], thenIs())).code).toBe(1);
  });

  it.each([[['send', 'hi', '--wait']], [['send', '--wait', 'hi']], [['send', '--wait=60', 'hi']]])(
    '%s prints the answer on stdout, made safe, and the id on stderr',
    async (words) => {
      const { code, stdout, stderr, calls } = await requests(words, thenIs(COMPLETED));
      expect(code).toBe(0);
      expect(stdout).toBe('Hello␛[2J\nthere\n');
      expect(stderr).toContain(ID);
      expect(calls[0]!.body).toEqual({ prompt: 'hi' });
    },
  );

  it('with --quiet says nothing but the answer', async () => {
    const { stdout, stderr } = await requests(['send', 'hi', '--wait', '--quiet'], thenIs(COMPLETED));
    expect({ stdout, stderr }).toEqual({ stdout: 'Hello␛[2J\nthere\n', stderr: '' });
  });

  it('with --wait -o json prints the final request exactly', async () => {
    const { stdout } = await requests(['send', 'hi', '--wait', '-o', 'json'], thenIs(COMPLETED));
    expect(JSON.parse(stdout)).toEqual(COMPLETED);
  });

  it.each([
    [FAILED, 1, 'upstream_failed: The model ␇ failed.'],
    [someRequest({ status: 'expired' }), 1, 'The request expired'],
    [someRequest({ status: 'cancelled' }), 6, 'The request was cancelled'],
  ])('with --wait a request that did not complete ends with its code (%#)', async (last, exitCode, words) => {
    const { code, stdout, stderr } = await requests(['send', 'hi', '--wait'], thenIs(last));
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toContain(words);
    expect(stderr).toContain(`fila requests show ${ID}`);
  });

  it('with --wait=1 and no answer in time ends with 7 and says how to go on', async () => {
    const { code, stderr } = await requests(
      ['send', 'hi', '--wait=1'],
      thenIs(someRequest({ status: 'processing' })),
    );
    expect(code).toBe(7);
    expect(stderr).toContain(`fila requests watch ${ID}`);
  });
});

describe('get', () => {
  it('of one that waits says where it stands and when it should start', async () => {
    const waiting = { ...someRequest(), position: 12, eta_ms: 4_000 };
    const shown = await requests(['get', ID], () => ({ body: waiting }), { columns: 100 });
    expect(shown.stdout).toMatch(/position +12\n/);
    expect(shown.stdout).toMatch(/starts +in about 4/);
    const piped = await requests(['get', ID], () => ({ body: { ...waiting, eta_ms: null } }));
    expect(piped.stdout).toContain('position\t12\nattempts');
    const unknown = await requests(['get', ID], () => ({ body: someRequest() }));
    expect(unknown.stdout).not.toContain('position');
  });

  it('shows what is known and the answer, made safe', async () => {
    const { code, stdout } = await requests(['get', ID], () => ({ body: COMPLETED }), { columns: 100 });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^id +req_/);
    expect(stdout).toMatch(/status +✔ completed/);
    expect(stdout).toMatch(/took +1\.2s/);
    expect(stdout).toMatch(/\n\nHello␛\[2J\nthere\n$/);
  });

  it('in a pipe has exact values', async () => {
    const { stdout } = await requests(['get', ID], () => ({ body: COMPLETED }));
    expect(stdout).toContain('took\t1234\n');
    expect(stdout).toContain('completed\t2026-11-20T09:00:00.000Z\n');
  });

  it('an id that there is not ends with 5', async () => {
    expect((await requests(['get', ID], () => problem(404, 'not_found'))).code).toBe(5);
  });

  it('what is no id at all is never sent', async () => {
    const { code, calls } = await requests(['get', '../admin'], () => ({ body: COMPLETED }));
    expect(code).toBe(2);
    expect(calls).toHaveLength(0);
  });
});

describe('list', () => {
  it('sends filters, with times counted back from now', async () => {
    const { calls } = await requests(
      [
        'list',
        '--status',
        'failed',
        '--model',
        'm',
        '--since',
        '1h',
        '--until',
        '2026-11-20',
        '--limit',
        '5',
      ],
      () => ({ body: { items: [], next_cursor: null } }),
    );
    expect(calls[0]!.query).toEqual({
      status: 'failed',
      model: 'm',
      limit: '5',
      created_after: '2026-11-20T09:00:00.000Z',
      created_before: '2026-11-20T00:00:00.000Z',
    });
  });

  it('fits a terminal of 80 columns', async () => {
    const body = { items: [COMPLETED, FAILED], next_cursor: null };
    const { stdout } = await requests(['list'], () => ({ body }), { columns: 80 });
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).toContain(ID);
    expect(stdout).toContain('✖ failed');
  });

  it('refuses a time that it does not understand', async () => {
    expect((await requests(['list', '--since', 'yesterday'], () => ({ body: {} }))).code).toBe(2);
  });
});

describe('watch', () => {
  const states = [someRequest(), someRequest({ status: 'processing', attempts: 1 }), COMPLETED];
  /** The first state is seen twice, because the first look is followed by a wait that begins with a look. */
  const answer = (_call: SeenCall, count: number) => ({ body: states[Math.max(0, Math.min(count - 2, 2))] });

  it('says each change once until it is final', async () => {
    const { code, stdout } = await requests(['watch', ID], answer);
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[1]),
    ).toEqual(['pending', 'processing', 'completed']);
  });

  it('as jsonl has the whole request on each line, as json only the last', async () => {
    const lines = (await requests(['watch', ID, '-o', 'jsonl'], answer)).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(states);
    expect(JSON.parse((await requests(['watch', ID, '-o', 'json'], answer)).stdout)).toEqual(COMPLETED);
  });

  it.each([
    [COMPLETED, 0],
    [FAILED, 1],
    [someRequest({ status: 'expired' }), 1],
    [someRequest({ status: 'cancelled' }), 6],
  ])('ends with the code of how it ended (%#)', async (last, exitCode) => {
    const { code, calls } = await requests(['watch', ID], () => ({ body: last }));
    expect(code).toBe(exitCode);
    expect(calls).toHaveLength(1);
  });
});

it('cancel names each request, and ends with 6 when it has ended already', async () => {
  const done = await requests(['cancel', ID], () => ({ body: someRequest({ status: 'cancelled' }) }));
  expect(done).toMatchObject({ code: 0, stdout: `request/${ID} cancelled\n` });
  expect(done.calls[0]!.route).toBe(`POST /api/v1/requests/${ID}/cancel`);
  expect((await requests(['cancel', ID], () => problem(409, 'conflict'))).code).toBe(6);
});

it('no key ends with 4 and says how to make one', async () => {
  const { code, stderr } = await runCli(['requests', 'list']);
  expect(code).toBe(4);
  expect(stderr).toContain('fila keys create');
});

describe('explain', () => {
  const timer = (name: string, ms: number, more: object = {}) => ({
    ...{ name, ms, decided_by: 'floor', estimate_ms: 1_200, floor_ms: ms, ceiling_ms: 300_000 },
    ...more,
  });
  const NEXT = {
    ...{ upstream: 'gpu-1:11434', reason: 'answers_first', began_at: null, outcome: null },
    ...{ took_ms: null, first_token_ms: null },
    timers: [
      timer('first_token', 15_000),
      timer('total', 300_000, { decided_by: 'ceiling', estimate_ms: null }),
    ],
    terms: [
      { name: 'prompt_tokens', value: 40, unit: 'tokens', source: 'request', samples: null },
      { name: 'wait', value: 120.5, unit: 'ms', source: 'measured', samples: 12 },
      { name: 'load_allowance', value: null, unit: 'ms', source: 'measured', samples: 0 },
    ],
  };
  const LAST = {
    ...NEXT,
    ...{ upstream: 'gpu-2:11434', reason: null, outcome: 'upstream_timeout', took_ms: 15_020 },
    ...{ timers: [], terms: [] },
  };
  const EXPLANATION = {
    ...{ id: ID, status: 'pending', model: 'llama3:8b', attempts: 1 },
    ...{ last_attempt: LAST, next_attempt: NEXT },
  };
  const explain = (words: readonly string[], body: object = EXPLANATION) =>
    requests(['explain', ID, ...words], () => ({ body }), {
      env: { FILA_TOKEN: 'admin-token' },
      columns: 100,
    });

  it('says where it ran, where it would run and why, and what the timers are made of', async () => {
    const { code, stdout, calls } = await explain([]);
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({
      route: `GET /api/v1/admin/requests/${ID}/explain`,
      headers: { authorization: 'Bearer admin-token' },
    });
    expect(stdout).toContain('Last attempt: at gpu-2:11434, upstream_timeout after 15.0s');
    expect(stdout).toContain('Next attempt, if it was made now: at gpu-1:11434, it should answer first');
    expect(stdout).toMatch(/first_token +15\.0s +never less +1\.2s +15\.0s +5m 00s/);
    expect(stdout).toMatch(/total +5m 00s +the setting +- /);
    expect(stdout).toMatch(/wait +121ms +measured, 12 calls/);
    expect(stdout).toMatch(/load_allowance +- +measured, 0 calls/);
  });

  it('is exact as data', async () => {
    expect(JSON.parse((await explain(['-o', 'json'])).stdout)).toEqual(EXPLANATION);
  });

  it('says so when nothing takes the request, and when it never ran', async () => {
    const nowhere = { ...NEXT, upstream: null, reason: 'none_up', timers: [], terms: [] };
    const { stdout } = await explain([], { ...EXPLANATION, last_attempt: null, next_attempt: nowhere });
    expect(stdout).toContain('Next attempt: nowhere, none takes calls of this model');
    const ended = await explain([], { ...EXPLANATION, last_attempt: null, next_attempt: null });
    expect(ended.stderr).toContain('It ended without an attempt.');
  });
});

describe('an answer that is listened to', () => {
  const events = [
    { event: 'state', data: { status: 'processing' } },
    { event: 'token', id: '1.0.3', data: { text: 'Wro' } },
    { event: 'restart', id: '2.0.0', data: {} },
    { event: 'token', id: '2.2.0', data: { thinking: 'Hm' } },
    { event: 'token', id: '2.2.5', data: { text: 'Hello\u001b[2J\nthere' } },
    { event: 'done', id: '2.2.5', data: COMPLETED },
  ];
  const listened = ({ route }: SeenCall): ScriptedAnswer =>
    route.startsWith('POST') ? { status: 202, body: someRequest() } : { body: null, events };

  it.each([
    ['send', 'Say hello', '--stream'],
    ['watch', ID, '--stream'],
  ])('is printed as it comes, without what could move the cursor: %s', async (...words) => {
    const { code, stdout, stderr, calls } = await requests(words, listened);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Wro\nHello␛[2J\nthere\n' });
    expect(stderr).toContain('begins anew');
    expect(calls.at(-1)!.route).toBe(`GET /api/v1/requests/${ID}/stream`);
  });

  it('is, as data, its events on a line each, or the request as it ended', async () => {
    const lines = (await requests(['watch', ID, '--stream', '-o', 'jsonl'], listened)).stdout
      .trim()
      .split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(
      events.map(({ event }) => event),
    );
    const { stdout } = await requests(['watch', ID, '--stream', '-o', 'json'], listened);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed' });
  });

  it('that fails ends with 1 and the reason', async () => {
    const failed = (): ScriptedAnswer => ({
      body: null,
      events: [{ event: 'done', id: '1.0.0', data: FAILED }],
    });
    const { code, stderr } = await requests(['watch', ID, '--stream'], failed);
    expect(code).toBe(1);
    expect(stderr).toContain('upstream_failed');
  });
});
