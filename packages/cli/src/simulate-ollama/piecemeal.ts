/** Writes a response so that lines and multi-byte characters arrive torn across TCP chunks. */
import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** No divisor of any usual line length, so that the cuts wander through the lines. */
const CHUNK_BYTES = 61;

export async function writePiecemeal(response: ServerResponse, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length && !response.destroyed;) {
    const to = cutInsideCharacter(bytes, from + 1, from + CHUNK_BYTES);
    response.write(bytes.subarray(from, to));
    from = to;
    // A turn of the event loop between two writes keeps them in two packets.
    await nextTurn();
  }
}

/** The first place in between that lies inside a multi-byte character; else the end. */
function cutInsideCharacter(bytes: Buffer, least: number, most: number): number {
  for (let at = least; at < Math.min(most, bytes.length); at++)
    if ((bytes[at]! & 0b1100_0000) === 0b1000_0000) return at;
  return Math.min(most, bytes.length);
}
