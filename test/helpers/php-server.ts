/** PHP's own web server with a script of ours, for one test. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { freePort } from '../services/daemon.ts';

/** So that several calls run at once. */
const WORKERS = '4';

export interface PhpServer {
  readonly url: string;
  /** What the script said with error_log(), line by line. */
  logged(): string[];
}

/** Answers when this has resolved; ends with the test, its workers too. */
export async function startPhpServer(
  php: string,
  script: string,
  environment: (folder: string, url: string) => Readonly<Record<string, string>>,
): Promise<PhpServer> {
  const folder = mkdtempSync(join(tmpdir(), 'fila-php-'));
  const [log, port] = [join(folder, 'log'), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const server = spawn(php, ['-d', `error_log=${log}`, '-S', `127.0.0.1:${port}`, script], {
    env: { ...process.env, PHP_CLI_SERVER_WORKERS: WORKERS, ...environment(folder, url) },
    stdio: 'ignore',
    // A group of its own: the workers end with it.
    detached: true,
  });
  onTestFinished(() => {
    process.kill(-server.pid!, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  await expect
    .poll(() =>
      fetch(url).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBeGreaterThan(0);
  return {
    url,
    logged: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []),
  };
}
