/** One real daemon of a cluster: started from a build of the CLI, killed, frozen and started again at the same address. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Daemon, freePort, startDaemon, temporaryDirectory } from '../services/daemon.ts';
import type { Settled } from './checker.ts';

export const BUILT_CLI = join(import.meta.dirname, '../../packages/cli/bin/fila.js');

export interface BrokerPlan {
  readonly name: string;
  /** bin/fila.js of the build that runs. */
  readonly cli: string;
  /** Settings beside port and data folder. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface BrokerNode {
  readonly name: string;
  readonly port: number;
  readonly dataDir: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL if it takes longer than 10 s. */
  stop(): Promise<void>;
  /**
   * Starts it if it was ended, for this life with these failpoints. Rejects when it cannot, as when its database is
   * away.
   */
  start(failpoints?: string): Promise<void>;
  /** Starts it again if it fell by itself, as a supervisor would. */
  revive(): Promise<void>;
  /** SIGSTOP: it keeps its sockets and its leases, and does nothing. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Whether it was to run and does not: it fell by itself. */
  hasFallen(): boolean;
  /** Ends it for good; nothing of it can be read afterwards. */
  discard(): Promise<void>;
  adminToken(): string;
  /** What its log tells of requests, over all its lives. */
  settlements(): Settled[];
  log(): string;
}

/** The guard in test/services ends it when this process ends, however that happens. */
export async function startBrokerNode({ name, cli, environment }: BrokerPlan): Promise<BrokerNode> {
  const directory = temporaryDirectory(`chaos-${name}`);
  const dataDir = join(directory, 'data');
  const port = await freePort();
  const settings = { ...environment, FILA_PORT: String(port), FILA_DATA_DIR: dataDir };
  let failpoints = '';
  let isUp = true;
  const daemon: Daemon = await startDaemon({
    ...{ name, directory, port, binary: '/usr/bin/env' },
    // Nothing of the surroundings goes along: a FILA_… of the developer's would make another broker of it.
    get args() {
      const all = Object.entries({ PATH: process.env['PATH'], ...settings, FILA_FAILPOINTS: failpoints });
      return ['-i', ...all.map(([key, value]) => `${key}=${value}`), process.execPath, cli, 'serve'];
    },
    isReady,
  });
  const log = (): string => readFileSync(join(directory, `${name}.log`), 'utf8');
  const signal = (name: NodeJS.Signals): void => {
    if (isUp) process.kill(daemon.pid, name);
  };

  // One after the other, whoever asks: two starts at once would be two daemons.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const end = (how: () => Promise<void>) => (): Promise<void> =>
    inTurn(async () => {
      isUp = false;
      await how();
    });

  const begin = async (armed: string): Promise<void> => {
    failpoints = armed;
    await daemon.restart();
    isUp = true;
  };
  const hasFallen = (): boolean => isUp && !isAlive(daemon.pid);

  return {
    ...{ name, port, dataDir, log, hasFallen },
    kill: end(daemon.kill),
    stop: end(daemon.stop),
    discard: end(daemon.discard),
    start: (armed = '') => inTurn(async () => (isUp ? undefined : begin(armed))),
    revive: () => inTurn(async () => (hasFallen() ? begin('') : undefined)),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    adminToken: () => readFileSync(join(dataDir, 'admin.token'), 'utf8').trim(),
    settlements: () =>
      log()
        .split('\n')
        .flatMap((line) => settledIn(line, name)),
  };
}

/** 32 bytes, the same for all brokers of a cluster. */
export function newMasterKey(): string {
  return randomBytes(32).toString('base64');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function isReady(socket: Socket): Promise<boolean> {
  socket.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  const closed = new Promise<[string]>((resolve) => socket.once('close', () => resolve([''])));
  const [answer] = await Promise.race([once(socket, 'data'), closed]);
  return String(answer).startsWith('HTTP/1.1 200');
}

interface LogLine {
  msg?: string;
  requestId?: string;
  fence?: number;
  to?: string;
  written?: boolean | null;
  stale?: boolean;
}

/** A line that a kill cut short is no evidence of anything. */
function settledIn(line: string, broker: string): Settled[] {
  if (!line.includes('"fence":')) return [];
  let parsed: LogLine;
  try {
    parsed = JSON.parse(line) as LogLine;
  } catch {
    return [];
  }
  const { requestId: id, fence, to = 'given up', stale = false } = parsed;
  // An outcome that waits for the database, or for the next run, is still to be settled; one that an earlier run left
  // and nobody needs was settled before.
  const isWaiting = parsed.to !== undefined && typeof parsed.written !== 'boolean';
  return id && fence !== undefined && !isWaiting && !stale
    ? [{ id, fence, to, isWritten: parsed.written === true, broker }]
    : [];
}
