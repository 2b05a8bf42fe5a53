/** Finds the daemon and the secrets: what was given, or what a daemon on this machine left in its data folder. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { LOCAL, readContexts, readSession, type Context, type StoredSession } from './contexts.ts';
import { CliError, usageError, type Trouble } from './output/error-text.ts';
import { EXIT } from './output/exit-codes.ts';

export interface ConnectionOptions {
  readonly url?: string;
  readonly context?: string;
  readonly tokenFile?: string;
  readonly apiKeyFile?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Profile {
  readonly url: string;
  /** Name of the broker the URL is of; null when it was given, or is this machine's. */
  readonly context: string | null;
  /** For keys. */
  adminToken(): string;
  /** For requests. */
  apiKey(): string;
}

const DEFAULT_PORT = '7433';

/** A flag is stronger than a variable, a variable than a context, a context than what lies on this machine. */
export function findProfile(
  options: ConnectionOptions,
  env: Environment,
  now: () => number = Date.now,
): Profile {
  const dataDir = findDataDir(env);
  const chosen = findContext(options, env);
  const url = options.url ?? chosen?.url ?? (env['FILA_URL'] || urlOfDaemon(dataDir, env));
  if (!URL.canParse(url)) throw usageError('The URL of the daemon (--url or FILA_URL) is not a URL');
  // What lies in the data folder opens this machine's daemon: it goes nowhere else.
  const ofThisMachine = (file: string): string | undefined =>
    isLoopback(url) ? readIfPresent(join(dataDir, file)) : undefined;
  return {
    url,
    context: chosen?.name ?? null,
    adminToken: () =>
      secretFile('--token-file', options.tokenFile) ??
      (env['FILA_TOKEN']?.trim() || undefined) ??
      readSession(env, url, now())?.token ??
      secretFile(`context ${chosen?.name}`, chosen?.tokenFile) ??
      ofThisMachine('admin.token') ??
      ended(readSession(env, url, 0)) ??
      missing('admin token', url, [
        ['Sign in', isLoopback(url) ? 'fila login' : `fila login --url ${url}`],
        ['Or give a token', 'FILA_TOKEN=… or --token-file FILE'],
        ...(isLoopback(url)
          ? [['Or start a daemon here, which makes one', 'fila serve   (or: fila dev)'] as const]
          : []),
      ]),
    apiKey: () =>
      secretFile('--api-key-file', options.apiKeyFile) ??
      (env['FILA_API_KEY']?.trim() || undefined) ??
      secretFile(`context ${chosen?.name}`, chosen?.apiKeyFile) ??
      ofThisMachine('dev.key') ??
      missing('API key', url, [
        ['Make one', 'fila keys create --name shop --out shop.key'],
        ['Then give it', '--api-key-file shop.key or FILA_API_KEY=…'],
        ['Or look as an operator', 'fila requests list --all-keys'],
      ]),
  };
}

/** Absent: a URL was given with the same strength or more, or it is this machine. */
function findContext(
  options: ConnectionOptions,
  env: Environment,
): (Context & { readonly name: string }) | undefined {
  if (options.url !== undefined || (options.context === undefined && env['FILA_URL'])) return undefined;
  const { current, contexts } = readContexts(env);
  const name = options.context ?? (env['FILA_CONTEXT'] || current);
  if (name === null || name === LOCAL) return undefined;
  if (Object.hasOwn(contexts, name)) return { name, ...contexts[name]! };
  throw usageError(`There is no context "${name}"`, [
    ['See which there are', 'fila context list'],
    ['Add it', `fila context add ${name} https://host:7433`],
  ]);
}

/**
 * The data folder as the daemon's settings have it: environment, then fila.config.json, then the default. Said again
 * here because loading the daemon's code costs more than a whole command takes.
 */
export function findDataDir(env: Environment): string {
  const fromFile = (): unknown => {
    try {
      return (JSON.parse(readFileSync(resolve('fila.config.json'), 'utf8')) as { dataDir?: unknown }).dataDir;
    } catch {
      // No file, or one that the daemon would refuse: `fila config validate` says what is wrong with it.
      return undefined;
    }
  };
  const given = env['FILA_DATA_DIR'] || fromFile();
  return typeof given === 'string' && given !== '' ? given : join(homedir(), '.local', 'share', 'fila');
}

/** How a person would type this program: through npm, when npm started it. */
export function programName(env: Environment): string {
  return env['npm_config_user_agent'] ? 'npx fila' : 'fila';
}

function urlOfDaemon(dataDir: string, env: Environment): string {
  const content = readIfPresent(join(dataDir, 'daemon.json'));
  try {
    const { url } = JSON.parse(content ?? '{}') as { url?: unknown };
    if (typeof url === 'string' && URL.canParse(url)) return reachable(url);
  } catch {
    // Half written, by a daemon that is just starting: the usual address is as good a guess.
  }
  return `http://127.0.0.1:${env['FILA_PORT'] || DEFAULT_PORT}`;
}

/** A daemon that listens on every address is reached on this machine through the loopback one. */
function reachable(url: string): string {
  const parsed = new URL(url);
  if (parsed.hostname === '0.0.0.0') parsed.hostname = '127.0.0.1';
  if (parsed.hostname === '[::]') parsed.hostname = '[::1]';
  return parsed.origin;
}

export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

function secretFile(flag: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : readSecretFile(flag, path);
}

export function readSecretFile(flag: string, path: string): string {
  const secret = readIfPresent(path);
  if (!secret) throw usageError(`${flag} names a file that is empty or cannot be read: ${path}`);
  return secret;
}

/** Somebody was signed in here. */
function ended(session: StoredSession | undefined): undefined {
  if (!session) return undefined;
  throw new CliError({
    exitCode: EXIT.notAllowed,
    code: 'session_ended',
    what: `The session of ${session.user} has ended`,
    why: [`It was good until ${session.expires_at}.`],
    next: [['Sign in again', `fila login ${session.user}`]],
  });
}

function missing(what: string, url: string, next: Trouble['next']): never {
  throw new CliError({
    exitCode: EXIT.notAllowed,
    code: 'no_credentials',
    what: `There is no ${what}`,
    why: [
      isLoopback(url)
        ? 'None was given, and no daemon of this machine left one in its data folder.'
        : `None was given for ${url}, and what lies on this machine opens only its own daemon.`,
    ],
    next,
  });
}
