/** Reads a JSON body: valid UTF-8, valid JSON, not nested without end. */
import { isUtf8 } from 'node:buffer';
import { fail } from '../kernel/errors.ts';

/** Deeper nesting has no use here, and what later walks the value would run out of stack. */
const MAX_DEPTH = 64;

export function parseJsonBody(body: Buffer): unknown {
  if (!isUtf8(body)) throw fail('malformed_json', { detail: 'The body is not valid UTF-8.' });
  if (depthOf(body) > MAX_DEPTH)
    throw fail('malformed_json', { detail: `The body is nested more than ${MAX_DEPTH} levels deep.` });
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw fail('malformed_json', {
      detail: body.length === 0 ? 'The body is empty.' : 'The body is not valid JSON.',
      cause: error,
    });
  }
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from(
  '"\\[]{}',
) as unknown as number[];

/** Brackets inside strings do not count. */
function depthOf(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (byte === QUOTE) i = endOfString(body, i);
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
  }
  return deepest;
}

function endOfString(body: Buffer, from: number): number {
  for (let i = body.indexOf(QUOTE!, from + 1); i !== -1; i = body.indexOf(QUOTE!, i + 1)) {
    let before = i;
    while (body[before - 1] === BACKSLASH) before -= 1;
    if ((i - before) % 2 === 0) return i;
  }
  return body.length;
}
