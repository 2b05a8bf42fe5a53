/**
 * Waiting, exactly or with an ear for the caller who leaves.
 *
 * A timer of Node's counts whole milliseconds and misses its moment by one, which would be two percent of a service time
 * of 50 ms. So an exact wait is left to a timer while its moment is far. Near to it the event loop goes turn by turn,
 * each with a nap in which the thread sleeps: who calls meanwhile waits for the end of the nap and not of the wait, and
 * the processor is idle most of the time.
 */

interface Wait {
  /** By performance.now(). */
  readonly dueMs: number;
  readonly resolve: () => void;
}

/** By how much a timer may miss its moment, on either side. */
const TIMER_ERROR_MS = 1.5;
/** What setTimeout can hold. */
const MAX_TIMER_MS = 2_147_483_647;
const NAP_MS = 0.05;
/** By how much a nap may be longer than asked for. */
const NAP_ERROR_MS = 0.1;

const near = new Set<Wait>();
/** Nobody ever notifies it: waiting for it ends with the nap. */
const bed = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Keeps no process alive, but in its last milliseconds. */
export function sleep(delayMs: number): Promise<void> {
  return sleepUntil(performance.now() + delayMs);
}

/** Never ends before this moment by performance.now(), and within a tenth of a millisecond if the processor is free. */
export function sleepUntil(dueMs: number): Promise<void> {
  return new Promise((resolve) => approach({ dueMs, resolve }));
}

function approach(wait: Wait): void {
  const leftMs = wait.dueMs - performance.now();
  if (leftMs > 2 * TIMER_ERROR_MS) {
    setTimeout(approach, Math.min(leftMs - TIMER_ERROR_MS, MAX_TIMER_MS), wait).unref();
    return;
  }
  near.add(wait);
  if (near.size === 1) setImmediate(turn);
}

function turn(): void {
  const nowMs = performance.now();
  let nextMs = Infinity;
  let isAnyOver = false;
  for (const wait of near) {
    if (wait.dueMs > nowMs) {
      nextMs = Math.min(nextMs, wait.dueMs);
      continue;
    }
    near.delete(wait);
    wait.resolve();
    isAnyOver = true;
  }
  if (near.size === 0) return;
  const napMs = Math.min(NAP_MS, nextMs - nowMs - NAP_ERROR_MS);
  // Whose wait is over goes on after this turn.
  if (!isAnyOver && napMs > 0) Atomics.wait(bed, 0, 0, napMs);
  setImmediate(turn);
}

/** True after the whole wait, false as soon as the signal goes. */
export function sleepUnlessAborted(delayMs: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  if (delayMs <= 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const leave = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      resolve(true);
    }, delayMs);
    signal.addEventListener('abort', leave, { once: true });
  });
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
