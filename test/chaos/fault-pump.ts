/** Moves the bytes of one direction of a connection, late, in slices, slowly, up to a point, or not at all. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { Chance } from './chance.ts';
import type { Stretch } from './fault-proxy.ts';

export interface PumpRules {
  /** Asked anew for every piece, so that a change takes effect at once. */
  readonly stretch: () => Stretch;
  readonly isHeld: () => boolean;
  readonly chance: Chance;
}

export interface Pump {
  /** The rules say something else now. */
  changed(): void;
}

interface Arrived {
  /** Null: the end. */
  readonly bytes: Buffer | null;
  readonly dueMs: number;
}

/** More than this waits in the sender's own socket. */
const MAX_WAITING_BYTES = 1024 * 1024;

export function pump(from: Socket, to: Socket, rules: PumpRules): Pump {
  const waiting: Arrived[] = [];
  let waitingBytes = 0;
  let passedBytes = 0;
  let isHalfOpen = false;
  let isMoving = false;
  let wake = (): void => {};

  function arrive(bytes: Buffer | null): void {
    const { latencyMs = 0, jitterMs = 0 } = rules.stretch();
    waiting.push({ bytes, dueMs: performance.now() + latencyMs + jitterMs * rules.chance.next() });
    waitingBytes += bytes?.length ?? 0;
    if (waitingBytes > MAX_WAITING_BYTES) from.pause();
    if (!isMoving) void move();
  }

  async function move(): Promise<void> {
    isMoving = true;
    for (let next = waiting[0]; next && !to.destroyed; next = waiting[0]) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { ref: false });
      while (rules.isHeld() && !to.destroyed) await new Promise<void>((resolve) => (wake = resolve));
      if (next.bytes) await pass(next.bytes);
      else if (!isHalfOpen) to.end();
      waiting.shift();
      waitingBytes -= next.bytes?.length ?? 0;
      if (waitingBytes <= MAX_WAITING_BYTES) from.resume();
    }
    isMoving = false;
  }

  async function pass(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !isHalfOpen && !to.destroyed;) {
      const { sliceBytes, bytesPerSecond, capBytes = Infinity } = rules.stretch();
      const size = Math.min(sliceBytes ?? bytes.length, bytes.length - at, capBytes - passedBytes);
      if (size <= 0) {
        isHalfOpen = true;
        return;
      }
      if (bytesPerSecond !== undefined)
        await delay((size / bytesPerSecond) * 1000, undefined, { ref: false });
      await write(to, bytes.subarray(at, at + size));
      if (sliceBytes !== undefined) await turn();
      at += size;
      passedBytes += size;
    }
  }

  from.on('data', arrive);
  from.on('end', () => arrive(null));
  from.on('error', () => {});
  from.on('close', (hadError) => {
    wake();
    // A reset goes through as a reset; in a half-open direction nothing goes through.
    if (hadError && !isHalfOpen) cut(to);
  });
  to.on('close', () => wake());
  return { changed: () => wake() };
}

async function write(to: Socket, bytes: Buffer): Promise<void> {
  if (to.destroyed || to.writableEnded || to.write(bytes)) return;
  await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => undefined);
}

/** RST where that is possible: a socket that has sent its end, or has no peer yet, can only be closed. */
export function cut(socket: Socket): void {
  if (socket.destroyed) return;
  // Node would lose the handle of a socket that cannot be reset, and never say that it is closed.
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
