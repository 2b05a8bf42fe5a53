/** What the CLI remembers between commands: brokers by name, and sessions with them, in files that only their owner reads. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Context {
  readonly url: string;
  readonly tokenFile?: string;
  readonly apiKeyFile?: string;
}

export interface Contexts {
  /** Null: the daemon of this machine. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** A session of a person with the broker of one URL; its token goes nowhere else. */
export interface StoredSession {
  readonly url: string;
  readonly token: string;
  readonly user: string;
  readonly expires_at: string;
}

/** Stands for the daemon of this machine. */
export const LOCAL = 'local';
export const CONTEXT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

/** FILA_CONFIG_DIR, then what XDG says, then the usual place. */
export function configDir(env: Environment): string {
  const xdg = env['XDG_CONFIG_HOME'];
  return env['FILA_CONFIG_DIR'] || join(xdg || join(homedir(), '.config'), 'fila');
}

export function readContexts(env: Environment): Contexts {
  const found = readJson(join(configDir(env), 'contexts.json')) as Partial<Contexts> | undefined;
  return { current: found?.current ?? null, contexts: found?.contexts ?? {} };
}

export function writeContexts(env: Environment, contexts: Contexts): void {
  writePrivate(join(configDir(env), 'contexts.json'), contexts);
}

/** One that has not ended yet, as far as is known here. */
export function readSession(env: Environment, url: string, nowMs: number): StoredSession | undefined {
  const found = readJson(sessionFile(env, url)) as Partial<StoredSession> | undefined;
  if (typeof found?.token !== 'string' || found.url !== url) return undefined;
  return Date.parse(found.expires_at ?? '') > nowMs ? (found as StoredSession) : undefined;
}

export function writeSession(env: Environment, session: StoredSession): void {
  writePrivate(sessionFile(env, session.url), session);
}

export function removeSession(env: Environment, url: string): void {
  rmSync(sessionFile(env, url), { force: true });
}

function sessionFile(env: Environment, url: string): string {
  return join(configDir(env), 'sessions', `${encodeURIComponent(url)}.json`);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch {
    // None yet, or nothing that this program wrote.
    return undefined;
  }
}

/** Whole or not at all, and never readable by others for a moment. */
function writePrivate(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}
