import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli } from './testing/run-cli.ts';
import { problem, startScriptedBroker } from './testing/scripted-broker.ts';

describe('help', () => {
  it('without words shows all commands in groups and ends with 0', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const words of ['Run:', 'Use:', 'Look:', 'Output:', 'Connection:', 'fila help exit-codes'])
      expect(stdout).toContain(words);
  });

  it('of a verb names its own options and the global ones', async () => {
    const { code, stdout } = await runCli(['keys', 'create', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--limit-minute');
    expect(stdout).toContain('--token-file');
  });

  it('help and a path of commands is the same as --help', async () => {
    const [asTopic, asFlag] = await Promise.all([
      runCli(['help', 'keys', 'create']),
      runCli(['keys', 'create', '--help']),
    ]);
    expect(asTopic.stdout).toBe(asFlag.stdout);
  });

  it('help exit-codes prints the whole table', async () => {
    const { code, stdout } = await runCli(['help', 'exit-codes']);
    expect(code).toBe(0);
    for (const exitCode of [0, 1, 2, 3, 4, 5, 6, 7, 8, 78, 130, 143])
      expect(stdout).toMatch(new RegExp(`^ +${exitCode}  \\w`, 'm'));
  });

  it('refuses a topic that there is not, and names those there are', async () => {
    const { code, stderr } = await runCli(['help', 'nonsense']);
    expect(code).toBe(2);
    expect(stderr).toContain('fila help environment');
  });
});

describe('usage errors end with 2 and say what to do', () => {
  it.each([
    { words: ['kesy', 'list'], says: ["Unknown command 'kesy'", 'Did you mean:', 'keys'] },
    { words: ['keys', 'lst'], says: ["Unknown command 'lst'", 'list'] },
    { words: ['keys', 'list', '--stauts', 'active'], says: ["Unknown option '--stauts'", '--status'] },
    { words: ['keys', 'list', '--limit', 'many'], says: ['A whole number from 1 to 100'] },
    { words: ['keys', 'list', '--limit', '101'], says: ['A whole number from 1 to 100'] },
    { words: ['keys', 'list', '-o', 'xml'], says: ['One of table, wide, json, jsonl, yaml, name'] },
    { words: ['keys', 'show'], says: ["Missing required argument 'id'"] },
    { words: ['requests', 'send', 'hi', '--metadata', 'novalue'], says: ['name=value'] },
    { words: ['requests', 'send', 'hi', '--temperature', 'warm'], says: ['A number from 0 to 10'] },
  ])('$words', async ({ words, says }) => {
    const { code, stdout, stderr } = await runCli(words);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^✖ /);
    for (const part of says) expect(stderr).toContain(part);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('a noun without a verb shows its help on stderr', async () => {
    const { code, stdout, stderr } = await runCli(['keys']);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('revoke');
  });

  it.each([['-o', 'json'], ['--output=json'], ['-ojson'], ['--json'], ['-o', 'jsonl']])(
    'with %s %s the error is JSON',
    async (...format) => {
      const { code, stderr } = await runCli(['kesy', ...format]);
      expect(code).toBe(2);
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'usage', exit_code: 2 } });
    },
  );
});

describe('version', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };

  it('is the one of the package', async () => {
    expect((await runCli(['--version'])).stdout).toBe(`${version}\n`);
    expect((await runCli(['version', '-o', 'name'])).stdout).toBe(`${version}\n`);
    expect(JSON.parse((await runCli(['version', '--json'])).stdout)).toMatchObject({ fila: version });
  });
});

it('fila open-api prints the whole contract, for programs', async () => {
  const { code, stdout } = await runCli(['open-api']);
  const { openapi, paths } = JSON.parse(stdout) as { openapi: string; paths: Record<string, object> };
  expect([code, openapi]).toEqual([0, '3.1.0']);
  expect(paths).toHaveProperty(['/api/v1/requests', 'post']);
  expect((await runCli(['open-api', '-o', 'yaml'])).stdout).toMatch(/^openapi: 3\.1\.0\n/);
});

it.each([
  [['keys', 'list', '--bogus'], 'fila keys list --help'],
  [['requests', 'get', '--bogus', 'x'], 'fila requests show --help'],
  [['nothing'], 'fila --help'],
])('%j is answered with the help that is meant', async (words, help) => {
  const { code, stderr } = await runCli(words);
  expect(code).toBe(2);
  expect(stderr).toMatch(new RegExp(`See what there is: +${help}\\n$`));
});

it('what is not there is answered with the list of its kind, also when it was one of an act', async () => {
  const broker = await startScriptedBroker(() => problem(404, 'not_found'));
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token' };
  for (const words of [
    ['queues', 'show', 'x'],
    ['queues', 'pause', 'x'],
  ]) {
    const { code, stderr } = await runCli(words, { env });
    expect(code).toBe(5);
    expect(stderr).toContain('See which there are:  fila queues list');
  }
});
