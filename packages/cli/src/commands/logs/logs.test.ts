import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import { startScriptedBroker, type ScriptedBroker } from '../../testing/scripted-broker.ts';

const line = (id: number, more: object = {}) => ({
  ...{ id, time: '2027-01-01T10:00:00.000Z', level: 'error', message: `line ${id}`, request_id: 'req_1' },
  ...{ key_id: null, run: 'run_a', fields: { err: { message: 'no \u001b[31mroute' } }, ...more },
});
const page = (...ids: number[]) => ({ body: { items: ids.map((id) => line(id)), next_cursor: null } });

let broker: ScriptedBroker | undefined;
afterEach(() => broker?.stop());

async function logs(
  words: readonly string[],
  answer: Parameters<typeof startScriptedBroker>[0],
  setup: CliSetup = {},
) {
  broker = await startScriptedBroker(answer);
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'token' };
  const run = await runCli(['logs', ...words], { ...setup, env });
  return { ...run, queries: broker.calls.map(({ query }) => query) };
}

describe('fila logs', () => {
  it('search turns its words and flags into a query, and shows why', async () => {
    const words = [
      'search',
      'time out',
      '--since',
      '1h',
      '--level',
      'error',
      '--request',
      'req_1',
      '--key',
      'key_1',
    ];
    const nowMs = Date.parse('2027-01-01T11:00Z');
    const { code, stdout, queries } = await logs(words, () => page(9), { nowMs, columns: 120 });
    expect(code).toBe(0);
    expect(queries[0]).toEqual({
      ...{ text: 'time out', limit: '50', level: 'error', request_id: 'req_1', key_id: 'key_1' },
      since: '2027-01-01T10:00:00.000Z',
    });
    expect(stdout.split('\n')[0]).toMatch(/^TIME +LEVEL +MESSAGE +WHY +REQUEST$/);
    expect(stdout).toContain('route');
    expect(stdout).not.toContain('\u001b');
  });

  it('tail shows the newest last, and -f goes on until it is told to stop', async () => {
    const answers = [page(2, 1), { status: 503, body: problem(503) }, page(3)];
    const { code, stdout, queries } = await logs(
      ['tail', '-f', '--level', 'warning', '-o', 'name'],
      () => answers.shift() ?? page(),
      { onStdout: (text, signals) => void (text.includes('3\n') && signals.emit('SIGTERM')) },
    );
    expect({ code, stdout }).toEqual({ code: 143, stdout: '1\n2\n3\n' });
    expect(queries.at(-1)).toEqual({ level: 'warning', order: 'oldest', cursor: '2', limit: '1000' });
  });
});

function problem(status: number): object {
  return { type: 'x', title: 'x', status, code: 'unavailable', detail: 'away', request_id: 'x' };
}
