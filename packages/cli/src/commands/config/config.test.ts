import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../testing/run-cli.ts';

function file(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'fila-config-')), 'fila.config.json');
  writeFileSync(path, content);
  return path;
}

interface Line {
  name: string;
  value: string;
  origin: string;
  unit: string;
}

describe('config show', () => {
  it('says each value, its unit and where it comes from', async () => {
    const config = file('{"maxTokens": 99}');
    const { code, stdout } = await runCli(['config', 'show', '--config', config, '--json'], {
      env: { FILA_PORT: '9000' },
    });
    expect(code).toBe(0);
    const { items } = JSON.parse(stdout) as { items: Line[] };
    const line = (name: string) => items.find((one) => one.name === name);
    expect(line('port')).toMatchObject({ value: '9000', origin: 'env' });
    expect(line('maxTokens')).toMatchObject({ value: '99', origin: 'file', unit: 'tokens' });
    expect(line('host')).toMatchObject({ value: '127.0.0.1', origin: 'default' });
  });

  it.each(['table', 'wide', 'json', 'yaml', 'jsonl'])('never shows a secret (%s)', async (format) => {
    const { stdout } = await runCli(['config', 'show', '-o', format], {
      env: { FILA_ADMIN_TOKEN: 'x'.repeat(40), FILA_REDIS_URL: 'redis://:hunter22@redis:6379' },
    });
    expect(stdout).toContain('adminToken');
    expect(stdout).not.toMatch(/xxxx|hunter22/);
  });
});

describe('config validate', () => {
  it('says ok', async () => {
    expect(await runCli(['config', 'validate'])).toMatchObject({
      code: 0,
      stdout: 'ok: the configuration is valid\n',
    });
  });

  it.each([['config', 'validate'], ['config', 'show'], ['serve'], ['dev'], ['migrate']])(
    '%s %s ends with 78 and names every problem at once',
    async (...words) => {
      const env = { FILA_PORT: 'many', FILA_LOG_LEVEL: 'loud', FILA_PROT: '1' };
      const { code, stdout, stderr } = await runCli(words, { env });
      expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
      for (const name of Object.keys(env)) expect(stderr).toContain(name);
    },
  );

  it('with -o json has the problems as data', async () => {
    const { code, stderr } = await runCli(['config', 'validate', '-o', 'json', '--config', file('[]')]);
    expect(code).toBe(78);
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: 'bad_config',
        why: [expect.stringContaining('must hold one JSON object')],
        exit_code: 78,
      },
    });
  });
});
