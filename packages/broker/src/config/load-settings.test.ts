import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeSettings, loadSettings, SettingsError, type SettingSources } from './load-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'fila-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(content: string): string {
  const path = join(folder, `${randomBytes(4).toString('hex')}.json`);
  writeFileSync(path, content);
  return path;
}

function problemsOf(sources: Partial<SettingSources>): readonly string[] {
  try {
    loadSettings({ env: {}, ...sources });
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

const masterKey = randomBytes(32).toString('base64');

describe('a setting', () => {
  it('comes from the flag, else the environment, else the file, else the default', () => {
    const file = fileWith('{"port": 1, "maxAttempts": 2, "retryBaseMs": 3}');
    const env = { FILA_PORT: '4', FILA_MAX_ATTEMPTS: '5' };
    const { settings, origins } = loadSettings({ flags: { port: '6' }, env, file });
    expect(settings).toMatchObject({ port: 6, maxAttempts: 5, retryBaseMs: 3, leaseMs: 30_000 });
    expect(origins).toMatchObject({
      ...{ port: 'flag', maxAttempts: 'env', retryBaseMs: 'file', leaseMs: 'default' },
    });
  });

  it('is not set by an empty variable', () => {
    expect(loadSettings({ env: { FILA_HOST: '' } }).origins.host).toBe('default');
  });

  it('may be a number, a word, a toggle or a list in the file; null leaves the default', () => {
    const file = fileWith(
      '{"port": 80, "allowCloudModels": true, "ollamaUrls": ["http://a", "http://b#slots=2"], "host": null}',
    );
    expect(loadSettings({ env: {}, file }).settings).toMatchObject({
      port: 80,
      allowCloudModels: true,
      host: '127.0.0.1',
      ollamaUrls: [
        { url: 'http://a', slots: 'auto' },
        { url: 'http://b', slots: 2 },
      ],
    });
  });

  it('cannot be changed after loading', () => {
    const { settings } = loadSettings({ env: {} });
    expect(() => Object.assign(settings, { port: 1 })).toThrow(TypeError);
  });
});

describe('a secret', () => {
  it('may stand in a file of its own, and the variable itself goes first', () => {
    const file = fileWith(`${masterKey}\n`);
    const loaded = loadSettings({ env: { FILA_MASTER_KEY_FILE: file } });
    expect(loaded.settings.masterKey).toBe(masterKey);
    expect(loaded.origins.masterKey).toBe('env');
    const other = randomBytes(32).toString('base64');
    const both = loadSettings({ env: { FILA_MASTER_KEY: other, FILA_MASTER_KEY_FILE: file } });
    expect(both.settings.masterKey).toBe(other);
  });

  it('whose file cannot be read stops the start, and so does an empty one', () => {
    const [missing] = problemsOf({ env: { FILA_ADMIN_TOKEN_FILE: join(folder, 'none') } });
    expect(missing).toBe(`FILA_ADMIN_TOKEN_FILE names a file that cannot be read: ${join(folder, 'none')}`);
    expect(problemsOf({ env: { FILA_ADMIN_TOKEN_FILE: fileWith('\n') } })).toHaveLength(1);
  });

  it('is never part of a problem', () => {
    const secrets = { FILA_DATABASE_URL: 'pg://u:hunter2@h/d', FILA_REDIS_URL: 'http://:hunter2@h' };
    const problems = problemsOf({ env: { ...secrets, FILA_MASTER_KEY: 'hunter2' } });
    expect(problems).toHaveLength(2);
    expect(problemsOf({ env: { FILA_MASTER_KEY: 'hunter2', FILA_ADMIN_TOKEN: 'hunter2' } })).toHaveLength(2);
    expect(problems.join()).not.toContain('hunter2');
  });
});

describe('problems', () => {
  it('are all told at once, each with what would be right', () => {
    const file = fileWith('{"maxAttempts": 0, "prot": 80, "constructor": 1}');
    const env = { FILA_PORT: 'http', FILA_HOTS: 'a', PATH: '/bin', FILA_URL: 'http://other' };
    expect(problemsOf({ flags: { logLevel: 'loud' }, env, file })).toEqual([
      'FILA_PORT must be a whole number from 0 to 65535; it is "http"',
      '--log-level must be one of debug, info, warn, error, silent; it is "loud"',
      '"maxAttempts" in fila.config.json must be a whole number from 1 to 100; it is "0"',
      'FILA_HOTS is not a setting of Fila',
      '"prot" in fila.config.json is not a setting of Fila',
      '"constructor" in fila.config.json is not a setting of Fila',
    ]);
  });

  it('end the process as wrong configuration, in words for a person', () => {
    const error = new SettingsError(['A is wrong', 'B is wrong']);
    expect(error.exitCode).toBe(78);
    expect(error.message).toBe('The configuration is not valid:\n  - A is wrong\n  - B is wrong');
  });

  it.each(['not json', '[]', '"port"', 'null', ''])('include a file that holds %j', (content) => {
    const file = fileWith(content);
    expect(problemsOf({ file })).toEqual([`${file} must hold one JSON object`]);
  });

  it('include a file that was named but is not there; the usual one may be absent', () => {
    const file = join(folder, 'absent.json');
    expect(problemsOf({ file })).toEqual([`The configuration file cannot be read: ${file}`]);
    expect(problemsOf({})).toEqual([]);
  });

  it('include an object where a value belongs', () => {
    expect(problemsOf({ file: fileWith('{"host": {"name": "a"}}') })).toEqual([
      '"host" in fila.config.json must be text; it is an object',
    ]);
    expect(problemsOf({ file: fileWith('{"ollamaUrls": [{"url": "http://a"}]}') })).toHaveLength(1);
  });

  it.each([
    { env: { FILA_MASTER_KEY: 'c2hvcnQ=' }, about: 'FILA_MASTER_KEY must be 32 bytes' },
    {
      env: { FILA_DATABASE_URL: 'mysql://h/d' },
      about: 'FILA_MASTER_KEY (or FILA_MASTER_KEY_FILE) is needed',
    },
    { env: { FILA_ADMIN_TOKEN: 'x'.repeat(31) }, about: 'FILA_ADMIN_TOKEN must have 32 characters' },
    {
      env: { FILA_RETRY_BASE_MS: '9', FILA_RETRY_CAP_MS: '8' },
      about: 'FILA_RETRY_CAP_MS must not be below',
    },
  ])('include what only shows together: $about', ({ env, about }) => {
    expect(problemsOf({ env })).toEqual([expect.stringContaining(about)]);
  });

  it('are none when the parts fit together', () => {
    const shared = { FILA_DATABASE_URL: 'mysql://h/d', FILA_MASTER_KEY: masterKey };
    expect(problemsOf({ env: { ...shared, FILA_ADMIN_TOKEN: 'x'.repeat(32) } })).toEqual([]);
  });
});

describe('the settings as people see them', () => {
  const env = {
    FILA_DATABASE_URL: 'mysql://fila:hunter2@db:3306/fila',
    FILA_MASTER_KEY: masterKey,
    FILA_ADMIN_TOKEN: 'hunter2'.repeat(5),
    FILA_OLLAMA_URLS: 'http://a:1,http://b:2#slots=3',
  };
  const described = describeSettings(loadSettings({ env }));
  const valueOf = (name: string) => described.find((one) => one.name === name)?.value;

  it('hide every secret, but show where a database is', () => {
    expect(valueOf('masterKey')).toBe('********');
    expect(valueOf('adminToken')).toBe('********');
    expect(valueOf('databaseUrl')).toBe('mysql://fila:********@db:3306/fila');
    expect(JSON.stringify(described)).not.toContain('hunter2');
    expect(JSON.stringify(described)).not.toContain(masterKey);
  });

  it('show the rest with origin and unit, what is absent as nothing', () => {
    expect(valueOf('redisUrl')).toBe('');
    expect(valueOf('ollamaUrls')).toBe('http://a:1#slots=auto,http://b:2#slots=3');
    expect(described.find((one) => one.name === 'leaseMs')).toMatchObject({
      ...{ env: 'FILA_LEASE_MS', value: '30000', origin: 'default', unit: 'ms' },
    });
  });
});
