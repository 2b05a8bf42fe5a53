import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  someDeadLetter,
  someOperation,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const ID = 'req_0000000000000000000000000a';
const OTHER = 'req_0000000000000000000000000b';
const PATH = '/api/v1/admin/dead-letters';
const MATCHES = { matched: 30, is_complete: true, sample: [ID, OTHER] };

const brokers: ScriptedBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

/** Runs `fila dlq …` against a broker that answers so. */
async function dlq(
  words: readonly string[],
  answer: (call: SeenCall, count: number) => ScriptedAnswer,
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  brokers.push(broker);
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', ...setup.env };
  const run = await runCli(['dlq', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

/** An operation as it is begun, and then call by call. */
const operationThat =
  (...states: readonly ReturnType<typeof someOperation>[]) =>
  ({ route }: SeenCall, count: number): ScriptedAnswer =>
    route.startsWith('POST')
      ? { status: 202, body: someOperation() }
      : { body: states[Math.min(count - 2, states.length - 1)] };

describe('list', () => {
  it('sends its conditions, with times counted back from now', async () => {
    const { code, calls } = await dlq(
      [
        ...['list', '--error', 'poison', '--key', 'key_x', '--model', 'm', '--text', 'no memory'],
        ...['--since', '2h', '--until', '2026-11-20', '--limit', '5'],
      ],
      () => ({ body: { items: [], next_cursor: null } }),
    );
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({
      route: `GET ${PATH}`,
      headers: { authorization: 'Bearer admin-token' },
    });
    expect(calls[0]!.query).toEqual({
      ...{ error_code: 'poison', key_id: 'key_x', model: 'm', text: 'no memory', limit: '5' },
      ...{ created_after: '2026-11-20T08:00:00.000Z', created_before: '2026-11-20T00:00:00.000Z' },
    });
  });

  it('shows code and message, fitted to the terminal, made safe', async () => {
    const error = { code: 'upstream_failed', message: 'It \u001b[2J failed' };
    const { stdout } = await dlq(
      ['list'],
      () => ({
        body: { items: [someDeadLetter({ error })], next_cursor: null },
      }),
      { columns: 100 },
    );
    expect(stdout).toContain(ID);
    expect(stdout).toContain('upstream_failed');
    expect(stdout).toContain('␛');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('with --all goes on through pages that are empty', async () => {
    const { stdout } = await dlq(['list', '--text', 'x', '--all', '-o', 'name'], (_call, count) => ({
      body: count < 3 ? { items: [], next_cursor: 'c' } : { items: [someDeadLetter()], next_cursor: null },
    }));
    expect(stdout).toBe(`${ID}\n`);
  });
});

describe('show', () => {
  it('shows the policy of then and each attempt that failed', async () => {
    const { code, stdout } = await dlq(['show', ID], () => ({ body: someDeadLetter() }));
    expect(code).toBe(0);
    expect(stdout).toContain('policy\tmax_attempts 2\n');
    expect(stdout).toContain('failed\t2026-11-20T08:05:00.000Z\n');
    expect(stdout).not.toContain('discard');
    expect(stdout).toMatch(
      /\n\n1\t2026-11-20T08:01:00.000Z\thttp:\/\/gpu1:11434\tupstream_timeout\tNo token came.\n$/,
    );
  });

  it('as JSON is exactly what the daemon says', async () => {
    const { stdout } = await dlq(['show', ID, '-o', 'json'], () => ({ body: someDeadLetter() }));
    expect(JSON.parse(stdout)).toEqual(someDeadLetter());
  });
});

describe('retry by id', () => {
  it('says what each became', async () => {
    const { code, stdout, calls } = await dlq(['retry', ID, '--reason', 'model is there'], () => ({
      status: 201,
      body: { id: OTHER },
    }));
    expect({ code, stdout }).toEqual({ code: 0, stdout: `dead-letter/${ID} retried as ${OTHER}\n` });
    expect(calls[0]).toMatchObject({ route: `POST ${PATH}/${ID}/retry`, body: { reason: 'model is there' } });
  });

  it('ends with 3 when some of several were not possible, and with 6 when the only one was not', async () => {
    const answer = ({ route }: SeenCall): ScriptedAnswer =>
      route.includes(OTHER) ? problem(409, 'conflict') : { status: 201, body: { id: 'req_new' } };
    const some = await dlq(['retry', ID, OTHER], answer);
    expect(some.code).toBe(3);
    expect(some.stderr).toContain(OTHER);
    expect((await dlq(['retry', OTHER], answer)).code).toBe(6);
  });
});

describe('retry of many', () => {
  it.each([
    ['neither ids nor conditions', ['retry']],
    ['ids and conditions', ['retry', ID, '--model', 'm']],
    ['ids and --all', ['retry', ID, '--all', '--yes']],
    ['ids and --dry-run', ['retry', ID, '--dry-run']],
    ['--all and conditions', ['retry', '--all', '--model', 'm', '--yes']],
    ['--all without --yes or a terminal', ['retry', '--all']],
    ['a time that is none', ['retry', '--since', 'soon']],
    ['a rate out of bounds', ['retry', '--model', 'm', '--rate', '0']],
  ])('%s is a usage error, and nothing is sent', async (_what, words) => {
    const { code, calls } = await dlq(words, operationThat());
    expect(code).toBe(2);
    expect(calls).toHaveLength(0);
  });

  it('begins an operation and prints its id alone', async () => {
    const { code, stdout, stderr, calls } = await dlq(
      ['retry', '--error', 'upstream_timeout', '--since', '2h', '--rate', '10', '--reason', 'gpu is back'],
      operationThat(),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${someOperation().id}\n` });
    expect(stderr).toContain('fila operations watch');
    expect(calls[0]).toMatchObject({ route: `POST ${PATH}/retry` });
    expect(calls[0]!.body).toEqual({
      filter: { error_code: 'upstream_timeout', created_after: '2026-11-20T08:00:00.000Z' },
      ...{ rate: 10, reason: 'gpu is back' },
    });
  });

  it('with --dry-run says how many and which, and needs no --yes', async () => {
    const { code, stdout, stderr, calls } = await dlq(['retry', '--all', '--dry-run'], () => ({
      body: MATCHES,
    }));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `30 dead letters would be retried\n  ${ID}\n  ${OTHER}\n`,
    });
    expect(stderr).toContain('28 more');
    expect(calls[0]!.body).toEqual({ filter: { all: true }, dry_run: true });
    const json = await dlq(['retry', '--all', '--dry-run', '--json'], () => ({ body: MATCHES }));
    expect(JSON.parse(json.stdout)).toEqual(MATCHES);
  });

  it('with --all --yes retries all', async () => {
    const { code, calls } = await dlq(['retry', '--all', '--yes'], operationThat());
    expect(code).toBe(0);
    expect(calls[0]!.body).toEqual({ filter: { all: true } });
  });

  it.each([
    ['y', 0, 2],
    ['n', 1, 1],
  ])('asks on a terminal; %s ends with %i', async (typed, exitCode, calls) => {
    const run = await dlq(
      ['retry', '--all'],
      (_call, count) => (count === 1 ? { body: MATCHES } : { status: 202, body: someOperation() }),
      { typed: [typed] },
    );
    expect(run.stderr).toContain('Retry 30 dead letters?');
    expect(run.code).toBe(exitCode);
    expect(run.calls).toHaveLength(calls);
  });

  it.each([
    [{ state: 'completed', matched: 3, done: 3 }, 0],
    [{ state: 'completed', matched: 0 }, 0],
    [{ state: 'completed', matched: 3, done: 2, skipped: 1 }, 3],
    [{ state: 'completed', matched: 3, skipped: 3 }, 1],
    [{ state: 'cancelled', matched: 3, done: 1 }, 6],
  ] as const)('with --wait says the progress on stderr; %o ends with %i', async (last, exitCode) => {
    const { code, stdout, stderr } = await dlq(
      ['retry', '--model', 'm', '--wait'],
      operationThat(someOperation({ matched: 3, done: 1 }), someOperation(last)),
    );
    expect(code).toBe(exitCode);
    expect(stderr).toContain('running  1 of 3 done');
    expect(stdout).toContain(`state\t${last.state}\n`);
  });
});

describe('retry that is followed', () => {
  const LAST = someOperation({ state: 'completed', matched: 4, done: 4 });
  const words = ['retry', '--model', 'm', '--wait'];

  it('shows a bar on a terminal, in one line that is gone at the end', async () => {
    const answer = operationThat(someOperation({ matched: 4, done: 1 }), LAST);
    const { code, stdout, stderr } = await dlq(words, answer, { columns: 100 });
    expect(code).toBe(0);
    expect(stderr).toContain(`\r\u001b[K${'█'.repeat(6)}${'░'.repeat(18)}  25 %  running  1 of 4 done`);
    expect(stderr.endsWith('\r\u001b[K')).toBe(true);
    expect(stdout).toContain('✔ completed');
  });

  it('says after Ctrl-C that it goes on, and how to look or stop it', async () => {
    const { code, stdout, stderr } = await dlq(words, operationThat(someOperation({ matched: 4, done: 1 })), {
      columns: 200,
      onStderr: (text, signals) => void (text.includes('1 of 4') && signals.emit('SIGINT')),
    });
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toContain(`fila operations watch ${LAST.id}`);
    expect(stderr).toContain(`fila operations cancel ${LAST.id}`);
  });
});

describe('discard', () => {
  it('needs a reason', async () => {
    for (const words of [
      ['discard', ID],
      ['discard', ID, '--reason', ' '],
    ]) {
      const { code, calls } = await dlq(words, () => ({ body: someDeadLetter() }));
      expect(code).toBe(2);
      expect(calls).toHaveLength(0);
    }
  });

  it('takes ids from stdin, and ends with 3 when some were not possible', async () => {
    const { code, stdout, calls } = await dlq(
      ['discard', '-', '--reason', 'tests'],
      ({ route }) => (route.includes(OTHER) ? problem(404, 'not_found') : { body: someDeadLetter() }),
      { stdin: `${ID}\n${OTHER}\n` },
    );
    expect({ code, stdout }).toEqual({ code: 3, stdout: `dead-letter/${ID} discarded\n` });
    expect(calls[0]).toMatchObject({ route: `POST ${PATH}/${ID}/discard`, body: { reason: 'tests' } });
  });
});
