import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configDir,
  readContexts,
  readSession,
  removeSession,
  writeContexts,
  writeSession,
  type StoredSession,
} from './contexts.ts';
import { findProfile } from './profile.ts';

let dir: string;
let env: Record<string, string>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fila-contexts-'));
  env = { FILA_CONFIG_DIR: join(dir, 'config'), FILA_DATA_DIR: join(dir, 'data') };
});
afterEach(() => rmSync(dir, { recursive: true }));

const NOW = Date.parse('2026-11-20T10:00:00Z');
const session = (url: string, more: Partial<StoredSession> = {}): StoredSession => ({
  ...{ url, token: `fila_sess_of_${url}`, user: 'ana', expires_at: '2026-11-20T12:00:00.000Z', ...more },
});
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('what is remembered', () => {
  it('lies where the environment says', () => {
    expect(configDir({ FILA_CONFIG_DIR: '/a', XDG_CONFIG_HOME: '/b' })).toBe('/a');
    expect(configDir({ XDG_CONFIG_HOME: '/b' })).toBe('/b/fila');
    expect(configDir({})).toMatch(/\/\.config\/fila$/);
  });

  it('is readable by nobody else, also when the file was there before', () => {
    writeSession(env, session('http://a:1'));
    const file = join(env['FILA_CONFIG_DIR']!, 'sessions', 'http%3A%2F%2Fa%3A1.json');
    expect(modeOf(file)).toBe('600');
    expect(modeOf(join(env['FILA_CONFIG_DIR']!, 'sessions'))).toBe('700');
    writeContexts(env, { current: null, contexts: {} });
    expect(modeOf(join(env['FILA_CONFIG_DIR']!, 'contexts.json'))).toBe('600');
  });

  it('is nothing when the file is broken', () => {
    writeContexts(env, { current: 'a', contexts: {} });
    writeFileSync(join(env['FILA_CONFIG_DIR']!, 'contexts.json'), '{"curr');
    expect(readContexts(env)).toEqual({ current: null, contexts: {} });
  });

  it('a session is of one URL, and until it ends', () => {
    writeSession(env, session('http://a:1'));
    expect(readSession(env, 'http://a:1', NOW)?.user).toBe('ana');
    expect(readSession(env, 'http://b:1', NOW)).toBeUndefined();
    expect(readSession(env, 'http://a:1', NOW + 2 * 3_600_000)).toBeUndefined();
    removeSession(env, 'http://a:1');
    expect(readSession(env, 'http://a:1', NOW)).toBeUndefined();
  });
});

describe('the broker of a command', () => {
  const urlOf = (options: { url?: string; context?: string }, more: Record<string, string> = {}): string =>
    findProfile(options, { ...env, ...more }, () => NOW).url;

  it('is that of a flag, then of a variable, then of the chosen context, then this machine', () => {
    const contexts = { prod: { url: 'http://prod:1' }, lab: { url: 'http://lab:1' } };
    expect(urlOf({})).toBe('http://127.0.0.1:7433');
    writeContexts(env, { current: 'prod', contexts });
    expect(urlOf({})).toBe('http://prod:1');
    expect(urlOf({}, { FILA_CONTEXT: 'lab' })).toBe('http://lab:1');
    expect(urlOf({}, { FILA_CONTEXT: 'lab', FILA_URL: 'http://env:1' })).toBe('http://env:1');
    expect(urlOf({ context: 'prod' }, { FILA_URL: 'http://env:1' })).toBe('http://prod:1');
    expect(urlOf({ context: 'prod', url: 'http://flag:1' })).toBe('http://flag:1');
    expect(urlOf({ context: 'local' })).toBe('http://127.0.0.1:7433');
    expect(() => urlOf({ context: 'nonsense' })).toThrow('There is no context "nonsense"');
  });

  it('is opened by a flag, then a variable, then the session, then the file of the context', () => {
    const file = (name: string): string => {
      writeFileSync(join(dir, name), `of ${name}\n`);
      return join(dir, name);
    };
    const prod = { url: 'http://prod:1', tokenFile: file('context') };
    writeContexts(env, { current: 'prod', contexts: { prod } });
    const tokenOf = (options: object, more: Record<string, string> = {}): string =>
      findProfile(options, { ...env, ...more }, () => NOW).adminToken();
    expect(tokenOf({})).toBe('of context');
    writeSession(env, session('http://prod:1'));
    expect(tokenOf({})).toBe('fila_sess_of_http://prod:1');
    expect(tokenOf({}, { FILA_TOKEN: 'of env' })).toBe('of env');
    expect(tokenOf({ tokenFile: file('flag') }, { FILA_TOKEN: 'of env' })).toBe('of flag');
    expect(() => tokenOf({ url: 'http://other:1' })).toThrow('no admin token');
  });
});
