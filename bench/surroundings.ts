/** How quiet the machine is while it measures: what else runs, and how fast its disk says that it has written. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';

export interface Surroundings {
  /** Processes that wanted to run, over the last minute. */
  readonly loadAverage: number;
  /** Of a write of 4 KiB with fdatasync, half of all. */
  readonly syncP50Ms: number;
}

const WRITES = 200;

export function surroundings(): Surroundings {
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
  return { loadAverage: loadavg()[0]!, syncP50Ms: median(tookMs) };
}

/** Nothing else may run: two cores busy with something else make every figure one of them. */
export function isQuiet({ loadAverage }: Surroundings): boolean {
  return loadAverage < 1;
}
