/** A real Redis of the test's own: empty at start, nothing kept on disk. */
import { once } from 'node:events';
import { type Daemon, freePort, startDaemon, temporaryDirectory } from './daemon.ts';
import { findServices } from './provide.ts';

export interface RedisService extends Daemon {
  readonly url: string;
  readonly port: number;
  /** Where it keeps what it keeps, and its log. */
  readonly directory: string;
}

export async function startRedis(options: { port?: number; args?: string[] } = {}): Promise<RedisService> {
  const programs = findServices().redis;
  if (!programs) throw new Error('redis-server is not installed.');
  const port = options.port ?? (await freePort());
  const directory = temporaryDirectory('redis');
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
  const volatile = ['--save', '', '--appendonly', 'no', '--daemonize', 'no'];
  const daemon = await startDaemon({
    name: 'redis',
    directory,
    port,
    binary: programs.server,
    args: [...settings, ...volatile, ...(options.args ?? [])],
    isReady: async (socket) => {
      socket.write('PING\r\n');
      const [reply] = await once(socket, 'data');
      // With --requirepass the answer is NOAUTH, which also comes from a server that is ready.
      return /^(\+PONG|-NOAUTH)/.test(String(reply));
    },
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    ...{ port, directory },
    get pid() {
      return daemon.pid;
    },
    stop: daemon.stop,
    kill: daemon.kill,
    restart: daemon.restart,
    freeze: daemon.freeze,
    thaw: daemon.thaw,
    discard: daemon.discard,
  };
}
