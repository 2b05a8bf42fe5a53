/** Runs one real server for a test, so that it and its directory never outlive the test process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const PROBE_EVERY_MS = 10;
const LEAST_PORT = 12_000;
const MOST_PORT = 32_000;

/**
 * The guard, in sh: it is told the pid of the server of the moment (0 = none) and sees the end of its stdin when the
 * test process is gone, however it went. It has a session of its own, so Ctrl-C or a kill of the group passes it by.
 */
const GUARD = `
trap '' INT TERM HUP
pid=0
while read -r line; do pid=$line; done
if [ "$pid" -gt 0 ]; then kill -9 "$pid" 2>/dev/null; sleep 0.2; fi
rm -rf "$1"
`;

export interface DaemonPlan {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  readonly binary: string;
  readonly args: readonly string[];
  /** Whether an open connection to the port shows a server that is ready. */
  readonly isReady: (socket: Socket) => Promise<boolean>;
}

export interface Daemon {
  /** Of the server that runs now, or of the last one. */
  readonly pid: number;
  /** Lets it shut down in order. What it wrote stays until the test process ends, so it can be restarted. */
  stop(): Promise<void>;
  /** Ends it as a crash would (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again on the same port and directory; stops it before if it runs. */
  restart(): Promise<void>;
  /** SIGSTOP: it keeps its sockets and does nothing. Resolves when not one of its threads runs any more. */
  freeze(): Promise<void>;
  /** SIGCONT; nothing when it was not frozen. */
  thaw(): void;
  /** Ends it for good and removes its directory now, where hundreds would be too many until the test process ends. */
  discard(): Promise<void>;
}

/** A directory that the guard removes when this process ends. */
export function temporaryDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `fila-${name}-`));
}

/**
 * A port of 127.0.0.1 that nobody listens on now. Below those that the system gives to outgoing connections: a server
 * that is down for a moment finds it free again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LEAST_PORT, MOST_PORT);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Starts guard and server; resolves when the server is ready. */
export async function startDaemon(plan: DaemonPlan): Promise<Daemon> {
  const guard = startGuard(plan.directory);
  const tellGuard = guard.tell;
  let child: ChildProcess | undefined;
  let pid = 0;

  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;

  async function start(): Promise<void> {
    child = spawnServer(plan);
    pid = child.pid ?? 0;
    tellGuard(pid);
    child.once('exit', () => tellGuard(0));
    try {
      await untilReady(plan, isRunning);
    } catch (error) {
      await end('SIGKILL');
      throw error;
    }
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!child || !isRunning()) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  await start();
  return {
    get pid() {
      return pid;
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    freeze: async () => {
      process.kill(pid, 'SIGSTOP');
      while (isRunning() && !isStopped(pid)) await delay(1);
    },
    thaw: () => {
      if (isRunning()) process.kill(pid, 'SIGCONT');
    },
    discard: async () => {
      await end('SIGKILL');
      guard.leave();
    },
  };
}

/** A thread on another core may run on for milliseconds after the signal was sent. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((task) =>
    /\) [TXZ] /.test(readFileSync(join(tasks, task, 'stat'), 'utf8')),
  );
}

function spawnServer(plan: DaemonPlan): ChildProcess {
  const log = openSync(logFile(plan), 'a');
  const child = spawn(plan.binary, plan.args, { stdio: ['ignore', log, log], cwd: plan.directory });
  closeSync(log);
  child.on('error', () => {});
  child.unref();
  return child;
}

function startGuard(directory: string): { tell(pid: number): void; leave(): void } {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const stdin = guard.stdin as unknown as Socket;
  stdin.on('error', () => {});
  stdin.unref();
  guard.unref();
  return { tell: (pid) => void stdin.write(`${pid}\n`), leave: () => void stdin.end() };
}

async function untilReady(plan: DaemonPlan, isRunning: () => boolean): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (isRunning() && Date.now() < deadline) {
    if (await probe(plan)) return;
    await delay(PROBE_EVERY_MS);
  }
  const log = readFileSync(logFile(plan), 'utf8').slice(-2000);
  throw new Error(`${plan.name} did not become ready on port ${plan.port}. Its last words:\n${log}`);
}

async function probe(plan: DaemonPlan): Promise<boolean> {
  const socket = connect(plan.port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return await plan.isReady(socket);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function logFile(plan: DaemonPlan): string {
  return join(plan.directory, `${plan.name}.log`);
}
