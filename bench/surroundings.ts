/** How quiet the machine is while it measures: what else runs, how fast its disk says that it has written, and how long two processes take to wake each other. */
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startChild } from './load/child.ts';
import { median } from './statistics.ts';

export interface Surroundings {
  /** Processes that wanted to run, over the last minute. */
  readonly loadAverage: number;
  /** Of a write of 4 KiB with fdatasync, half of all. */
  readonly syncP50Ms: number;
  /** There and back between two processes that do nothing else, over a socket that has rested for 50 ms: half of all. */
  readonly echoP50Ms: number;
}

const WRITES = 200;
const ECHOES = 60;
/** As long as a call of the slots' scenario. */
const REST_MS = 50;
/** As long as a prompt there. */
const ASKED = 'x'.repeat(800);

export async function surroundings(): Promise<Surroundings> {
  return { loadAverage: loadavg()[0]!, syncP50Ms: syncMs(), echoP50Ms: await echoMs() };
}

function syncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'fila-bench-sync-'));
  const file = openSync(join(folder, 'sync'), 'w');
  const page = Buffer.alloc(4096);
  const tookMs = Array.from({ length: WRITES }, () => {
    const startedMs = performance.now();
    writeSync(file, page, 0, page.length, 0);
    fdatasyncSync(file);
    return performance.now() - startedMs;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return median(tookMs);
}

async function echoMs(): Promise<number> {
  const echo = await startChild(new URL('./load/echo.ts', import.meta.url));
  const socket = connect(await echo.ask<number>({}), '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const tookMs: number[] = [];
  for (let n = 0; n < ECHOES; n++) {
    const startedMs = performance.now();
    socket.write(ASKED);
    await once(socket, 'data');
    tookMs.push(performance.now() - startedMs);
    await delay(REST_MS);
  }
  socket.destroy();
  await echo.stop();
  return median(tookMs);
}

/** Nothing else may run: two cores busy with something else make every figure one of them. */
export function isQuiet({ loadAverage }: Surroundings): boolean {
  return loadAverage < 1;
}
