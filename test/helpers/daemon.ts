/** Starts real Fila daemons through the real CLI, and sees that none outlives its test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach } from 'vitest';

export const CLI = join(import.meta.dirname, '../../packages/cli/bin/fila.js');
const START_TIMEOUT_MS = 30_000;

const alive = new Set<ChildProcess>();
const folders = new Set<string>();

const logs = new Map<ChildProcess, () => string>();
const TOLD_LINES = 12;

/** What the daemons of a failed test complained of. */
afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const [child, log] of logs) {
    const complaints = log()
      .split('\n')
      .filter((line) => line !== '' && !/"level":"(info|debug)"/.test(line));
    console.error(
      `daemon ${child.pid} said:\n${complaints
        .slice(-TOLD_LINES)
        .map((line) => line.slice(0, 400))
        .join('\n')}`,
    );
  }
});

afterAll(async () => {
  for (const child of alive) child.kill('SIGKILL');
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  folders.clear();
});
process.once('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

export interface Daemon {
  readonly url: string;
  readonly adminToken: string;
  readonly dataDir: string;
  readonly child: ChildProcess;
  /** Everything it wrote, to stdout and stderr. */
  log(): string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export type Environment = Readonly<Record<string, string>>;

export async function newDataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fila-e2e-'));
  folders.add(folder);
  return folder;
}

/** A master key is always given, because shared engines need one; it changes nothing for the embedded ones. */
export const MASTER_KEY = randomBytes(32).toString('base64');

export function daemonEnvironment(dataDir: string, more: Environment): NodeJS.ProcessEnv {
  if (!existsSync(join(import.meta.dirname, '../../packages/cli/dist/main.js')))
    throw new Error('Run  npm run build  first.');
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('FILA_') && name !== 'VITEST',
  );
  return {
    ...Object.fromEntries(inherited),
    FILA_DATA_DIR: dataDir,
    FILA_CONFIG_DIR: join(dataDir, 'config'),
    FILA_PORT: '0',
    FILA_MASTER_KEY: MASTER_KEY,
    ...more,
  };
}

/** `fila serve`, ready to be called. The same `dataDir` again is a restart. */
export async function startDaemon(environment: Environment, dataDir?: string): Promise<Daemon> {
  const folder = dataDir ?? (await newDataDir());
  const child = spawn(process.execPath, [CLI, 'serve'], {
    env: daemonEnvironment(folder, environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  const exited = once(child, 'exit').then(([code]) => {
    alive.delete(child);
    return code as number | null;
  });
  let log = '';
  logs.set(child, () => log);
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (log += text));
  const lines = createInterface({ input: child.stdout! });
  const url = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`The daemon did not start in time:\n${log}`)),
      START_TIMEOUT_MS,
    );
    void exited.then((code) =>
      reject(new Error(`The daemon ended with ${code} instead of starting:\n${log}`)),
    );
    lines.on('line', (line) => {
      log += `${line}\n`;
      const [, found] = /"url":"([^"]+)".*"msg":"listening"/.exec(line) ?? [];
      if (found) {
        clearTimeout(late);
        resolve(found);
      }
    });
  });
  return {
    url,
    dataDir: folder,
    child,
    adminToken: (await readFile(join(folder, 'admin.token'), 'utf8')).trim(),
    log: () => log,
    stop: async () => {
      child.kill('SIGTERM');
      return exited;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
