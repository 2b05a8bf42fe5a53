/** Time-ordered ids: a prefix, then 26 characters of base32 (48 bits of time, 12 of counter, 65 of chance). */
import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const COUNTER_END = 4096;
const POOL_BYTES = 17 * 512;

export type IdPrefix = 'req' | 'key' | 'run' | 'op' | 'whk' | 'dlv' | 'usr' | 'ses' | 'svc' | 'bat';

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;
let lastMs = 0;
let counter = 0;

/**
 * A new id that sorts after every id this process made before, also within one millisecond and when the clock steps
 * back. Between processes the order is that of their clocks.
 */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    counter = 0;
  } else if (++counter === COUNTER_END) {
    lastMs += 1;
    counter = 0;
  }
  return `${prefix}_${digits(lastMs, 10)}${digits(counter, 3)}${chance(13)}`;
}

/** No id that was made at this time or later sorts before it. */
export function firstIdAt(prefix: IdPrefix, ms: number): string {
  return `${prefix}_${digits(ms, 10)}`;
}

/** When an id was made, in milliseconds since 1970. */
export function idTime(id: string): number {
  let time = 0;
  for (const character of id.slice(4, 14)) time = time * 32 + ALPHABET.indexOf(character);
  return time;
}

export function isId(prefix: IdPrefix, value: string): boolean {
  return value.startsWith(`${prefix}_`) && /^[0-9a-hjkmnp-tv-z]{26}$/.test(value.slice(prefix.length + 1));
}

function digits(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = ALPHABET[rest % 32] + text;
  return text;
}

function chance(length: number): string {
  if (used + length > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  let text = '';
  for (let i = 0; i < length; i++) text += ALPHABET[pool[used + i]! & 31];
  used += length;
  return text;
}
