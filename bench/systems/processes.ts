/** What the kernel says of a process. */
import { readFileSync } from 'node:fs';

/** Resident memory of all of them. */
export function residentMb(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]);
  });
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024;
}
