/** Cuts a stream of bytes into lines, holding no more than one of them. */

/** A line without its end, or, of one that is too long, only its number. */
export interface Line {
  /** From 1 on; empty lines are counted and left out. */
  readonly number: number;
  readonly bytes: Buffer | null;
}

export interface LineLimits {
  readonly maxLineBytes: number;
  readonly maxBytes: number;
}

export class TooManyBytes extends Error {
  override readonly name = 'TooManyBytes';
}

const LINE_END = 10;

/** Where the chunks are cut makes no difference. Throws TooManyBytes. */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  { maxLineBytes, maxBytes }: LineLimits,
): AsyncGenerator<Line, void> {
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  let total = 0;

  /** Of a line that is too long nothing is kept. */
  function keep(part: Buffer): void {
    length += part.length;
    if (length > maxLineBytes) parts = [];
    else if (part.length > 0) parts.push(part);
  }

  function take(): Line | null {
    const bytes = length > maxLineBytes ? null : parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [];
    length = 0;
    number += 1;
    return bytes && isBlank(bytes) ? null : { number, bytes };
  }

  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > maxBytes) throw new TooManyBytes();
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end !== -1; end = chunk.indexOf(LINE_END, from)) {
      keep(chunk.subarray(from, end));
      from = end + 1;
      const line = take();
      if (line) yield line;
    }
    keep(chunk.subarray(from));
  }
  const last = length > 0 ? take() : null;
  if (last) yield last;
}

/** Spaces, tabs and carriage returns only. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9 || byte === 13);
}
