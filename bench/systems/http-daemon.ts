/** Starts a Node program that answers HTTP, with an environment of its own and its output in a file. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Daemon, startDaemon, temporaryDirectory } from '../../test/services/daemon.ts';

export interface HttpDaemon extends Daemon {
  readonly port: number;
  readonly directory: string;
}

export interface HttpDaemonPlan {
  readonly name: string;
  /** Told the port and the directory that go away with this process. */
  readonly environment?: (port: number, directory: string) => Readonly<Record<string, string>>;
  /** Of Node: its flags, the program and its words. */
  readonly args: (port: number) => readonly string[];
  /** Answers with 200 when it is ready. */
  readonly readyPath: string;
}

export async function startHttpDaemon(plan: HttpDaemonPlan): Promise<HttpDaemon> {
  const port = await quietPort();
  const directory = temporaryDirectory(`bench-${plan.name}`);
  const assigned = Object.entries(plan.environment?.(port, directory) ?? {});
  const daemon = await startDaemon({
    ...{ name: plan.name, directory, port, binary: '/usr/bin/env' },
    // Nothing of the surroundings goes along, so that every run is the same.
    args: [
      ...['-i', `PATH=${process.env['PATH']}`, ...assigned.map(([name, value]) => `${name}=${value}`)],
      ...[process.execPath, ...plan.args(port)],
    ],
    isReady: (socket) => isReady(socket, plan.readyPath),
  });
  return {
    get pid() {
      return daemon.pid;
    },
    ...{ port, directory, stop: daemon.stop, kill: daemon.kill, restart: daemon.restart },
    ...{ freeze: daemon.freeze, thaw: daemon.thaw, discard: daemon.discard },
  };
}

async function isReady(socket: Socket, path: string): Promise<boolean> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  const closed = new Promise<[string]>((resolve) => socket.once('close', () => resolve([''])));
  const [answer] = await Promise.race([once(socket, 'data'), closed]);
  return String(answer).startsWith('HTTP/1.1 200');
}

/** Below those that outgoing connections get: a load opens so many that one could take the port before its server does. */
async function quietPort(): Promise<number> {
  const port = randomInt(15_000, 30_000);
  const server = createServer().listen(port, '127.0.0.1');
  const isFree = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (!isFree) return quietPort();
  server.close();
  await once(server, 'close');
  return port;
}
