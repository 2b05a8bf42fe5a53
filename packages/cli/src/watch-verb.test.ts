import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from './testing/run-cli.ts';
import { startScriptedBroker, type ScriptedAnswer, type ScriptedBroker } from './testing/scripted-broker.ts';

let broker: ScriptedBroker;
afterEach(() => broker.stop());

const queue = (name: string, pending: number) => ({
  ...{ name, state: 'active', pending, delayed: 0, running: 0, oldest_wait_ms: null, ageing: null },
  ...{ default_priority: null, created_at: '2026-11-20T10:00:00.000Z' },
});
const page = (...items: object[]): ScriptedAnswer => ({ body: { items, next_cursor: null } });

/** `fila queues list --watch`, until what it wrote holds `until`. */
async function watched(
  answers: readonly ScriptedAnswer[],
  { words = [], until, ...setup }: CliSetup & { words?: readonly string[]; until: string },
) {
  let count = 0;
  broker = await startScriptedBroker(() => answers[Math.min(count++, answers.length - 1)]!);
  return runCli(['queues', 'list', '--watch', '250ms', ...words], {
    env: { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' },
    onStdout: (text, signals) => void (text.includes(until) && signals.emit('SIGINT')),
    ...setup,
  });
}

describe('--watch', () => {
  it('writes into a pipe what is new or different, each once', async () => {
    const { code, stdout } = await watched(
      [
        page(queue('a', 1), queue('b', 2)),
        page(queue('a', 1), queue('b', 2)),
        page(queue('a', 1), queue('b', 30)),
      ],
      { words: ['-o', 'jsonl'], until: '30' },
    );
    expect(code).toBe(130);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; pending: number });
    expect(lines.map(({ name, pending }) => [name, pending])).toEqual([
      ['a', 1],
      ['b', 2],
      ['b', 30],
    ]);
  });

  it('draws over itself on a terminal, no wider than that, and says the time', async () => {
    const { code, stdout } = await watched([page(queue('a', 1)), page(queue('a', 77))], {
      columns: 60,
      until: '77',
    });
    expect(code).toBe(130);
    const [, second] = stdout.split('\r\u001b[3A');
    expect(second).toContain('77');
    expect(second).toMatch(/\d\d:\d\d:\d\d UTC, every 0.25s\. Ctrl-C ends it\./);
    for (const line of stdout.replaceAll(/\r|\u001b\[\w+/g, '').split('\n'))
      expect(line.length).toBeLessThanOrEqual(60);
  });

  it('keeps what it knew while the daemon is away, and says since when', async () => {
    const away: ScriptedAnswer = { status: 503, body: { code: 'unavailable', title: 'Away', status: 503 } };
    const { code, stdout } = await watched([page(queue('chat', 5)), away], {
      columns: 100,
      until: 'not answered',
    });
    expect(code).toBe(130);
    expect(stdout.split('\r\u001b[3A')[1]).toMatch(/chat.*\n.*has not answered since/);
  });

  it('is refused where there is no line for each thing', async () => {
    const { code, stderr } = await watched([page()], { words: ['-o', 'json'], until: 'x' });
    expect(code).toBe(2);
    expect(stderr).toContain('-o jsonl --watch');
  });
});
