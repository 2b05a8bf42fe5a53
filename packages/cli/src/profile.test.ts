import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '@fila/broker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeSession } from './contexts.ts';
import type { CliError } from './output/error-text.ts';
import { findDataDir, findProfile, isLoopback, programName } from './profile.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'fila-profile-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function leave(file: string, content: string): void {
  writeFileSync(join(dataDir, file), content);
}

function exitCodeOf(run: () => unknown): number | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as CliError).trouble.exitCode;
  }
}

describe('the URL', () => {
  it('is the flag, then FILA_URL, then what the daemon left, then the default', () => {
    const env = { FILA_DATA_DIR: dataDir };
    expect(findProfile({}, env).url).toBe('http://127.0.0.1:7433');
    leave('daemon.json', '{"url":"http://127.0.0.1:9001","pid":1}');
    expect(findProfile({}, env).url).toBe('http://127.0.0.1:9001');
    expect(findProfile({}, { ...env, FILA_URL: 'http://b:1' }).url).toBe('http://b:1');
    expect(findProfile({ url: 'http://c:1' }, { ...env, FILA_URL: 'http://b:1' }).url).toBe('http://c:1');
  });

  it.each(['', '{"url"', '{"url":5}', '{"url":"nonsense"}'])(
    'of a broken daemon.json (%s) is the default',
    (text) => {
      leave('daemon.json', text);
      expect(findProfile({}, { FILA_DATA_DIR: dataDir }).url).toBe('http://127.0.0.1:7433');
    },
  );

  it('of a daemon that listens everywhere is the loopback address', () => {
    leave('daemon.json', '{"url":"http://0.0.0.0:9001"}');
    expect(findProfile({}, { FILA_DATA_DIR: dataDir }).url).toBe('http://127.0.0.1:9001');
  });

  it('that is none is a usage error', () => {
    expect(exitCodeOf(() => findProfile({ url: 'nonsense' }, {}))).toBe(2);
  });
});

describe('the secrets', () => {
  it('say whose session has ended, where nothing else opens the daemon', () => {
    const url = 'https://fila.example:7433';
    const env = { FILA_CONFIG_DIR: dataDir, FILA_DATA_DIR: dataDir };
    writeSession(env, { url, token: 'fila_sess_a', user: 'ana', expires_at: '2026-11-20T10:00:00.000Z' });
    const tokenAt = (iso: string) => findProfile({ url }, env, () => Date.parse(iso)).adminToken();
    expect(tokenAt('2026-11-20T09:59:00Z')).toBe('fila_sess_a');
    expect(() => tokenAt('2026-11-20T10:01:00Z')).toThrow('The session of ana has ended');
  });

  it('come from a file that was named, then the environment, then the data folder', () => {
    const env = { FILA_DATA_DIR: dataDir };
    leave('admin.token', 'from-daemon\n');
    leave('dev.key', 'from-dev\n');
    leave('mine', 'from-file\n');
    expect(findProfile({}, env).adminToken()).toBe('from-daemon');
    expect(findProfile({}, env).apiKey()).toBe('from-dev');
    const given = { ...env, FILA_TOKEN: 'from-env', FILA_API_KEY: 'key-from-env' };
    expect(findProfile({}, given).adminToken()).toBe('from-env');
    expect(findProfile({}, given).apiKey()).toBe('key-from-env');
    const files = { tokenFile: join(dataDir, 'mine'), apiKeyFile: join(dataDir, 'mine') };
    expect(findProfile(files, given).adminToken()).toBe('from-file');
    expect(findProfile(files, given).apiKey()).toBe('from-file');
  });

  it('of the data folder never go to another machine', () => {
    leave('admin.token', 'from-daemon');
    leave('dev.key', 'from-dev');
    const profile = findProfile({ url: 'http://fila.example:7433' }, { FILA_DATA_DIR: dataDir });
    expect(exitCodeOf(() => profile.adminToken())).toBe(4);
    expect(exitCodeOf(() => profile.apiKey())).toBe(4);
  });

  it('of a file that cannot be read are a usage error', () => {
    expect(exitCodeOf(() => findProfile({ tokenFile: join(dataDir, 'none') }, {}).adminToken())).toBe(2);
  });
});

it.each([
  ['http://127.0.0.1:7433', true],
  ['http://127.9.9.9', true],
  ['http://localhost:1', true],
  ['http://[::1]:1', true],
  ['http://127.0.0.1.example.com', false],
  ['http://localhost.example.com', false],
  ['http://10.0.0.1', false],
  ['http://0.0.0.0', false],
])('%s is this machine: %s', (url, expected) => {
  expect(isLoopback(url)).toBe(expected);
});

describe('the data folder', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['a default', {}, undefined],
    ['a file', {}, '{"dataDir":"/from/file"}'],
    ['the environment', { FILA_DATA_DIR: '/from/env' }, '{"dataDir":"/from/file"}'],
    ['an empty variable', { FILA_DATA_DIR: '' }, '{"dataDir":"/from/file"}'],
    ['a file about other things', {}, '{"port":1}'],
  ])('is where the daemon takes it from: %s', (_from, env, content) => {
    vi.spyOn(process, 'cwd').mockReturnValue(dataDir);
    if (content !== undefined) leave('fila.config.json', content);
    expect(findDataDir(env)).toBe(loadSettings({ env }).settings.dataDir);
  });
});

it('the program is named as it was started', () => {
  expect(programName({})).toBe('fila');
  expect(programName({ npm_config_user_agent: 'npm/11' })).toBe('npx fila');
});
