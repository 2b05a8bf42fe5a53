import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** The program as its own process; Node takes the types out of the source by itself. */
function start(words: readonly string[]) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], FILA_DATA_DIR: '/nonexistent/fila' },
  });
  running.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return {
    child,
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr })),
  };
}

it('ends with the exit code of the command', async () => {
  const { code, stdout, stderr } = await start(['keys', 'list']).ended;
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
  expect(stderr).toContain('✖ There is no admin token.');
});

it('a reader that has seen enough does not make it fail', async () => {
  const { child, ended } = start(['--help']);
  child.stdout!.destroy();
  const { code, stderr } = await ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  'simulate-ollama prints its URL, answers, and stops on %s',
  async (signal) => {
    const { child, ended } = start(['simulate-ollama', '--port', '0', '--models', 'one,two:7b']);
    const [url] = (await once(child.stdout!, 'data')) as [string];
    const response = await fetch(`${url.trim()}/api/tags`);
    const { models } = (await response.json()) as { models: { name: string }[] };
    expect(models.map(({ name }) => name)).toEqual([expect.stringMatching(/^one/), 'two:7b']);
    child.kill(signal);
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).toContain('SIMULATED');
  },
);

it('simulate-ollama on a port that is taken says which to take instead', async () => {
  const first = start(['simulate-ollama', '--port', '0']);
  const [url] = (await once(first.child.stdout!, 'data')) as [string];
  const port = Number(new URL(url.trim()).port);
  const { code, stderr } = await start(['simulate-ollama', '--port', String(port)]).ended;
  expect(code).toBe(1);
  expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
  expect(stderr).toContain(`fila simulate-ollama --port ${port + 1}`);
});
