import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines, TooManyBytes, type Line, type LineLimits } from './read-lines.ts';

const WIDE: LineLimits = { maxLineBytes: 1_000, maxBytes: 100_000 };

async function linesOf(chunks: readonly Buffer[], limits = WIDE): Promise<[number, string | null][]> {
  const lines: Line[] = [];
  for await (const line of readLines(ofChunks(chunks), limits)) lines.push(line);
  return lines.map(({ number, bytes }) => [number, bytes && bytes.toString('utf8')]);
}

async function* ofChunks(chunks: readonly Buffer[]): AsyncGenerator<Buffer, void> {
  yield* chunks;
}

/** The same bytes, cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

describe('lines of a stream', () => {
  it('come in order, without their ends, numbered with the empty ones that are left out', async () => {
    const text = 'one\n\ntwo\r\n \t\r\nthrée';
    expect(await linesOf([Buffer.from(text)])).toEqual([
      [1, 'one'],
      [3, 'two\r'],
      [5, 'thrée'],
    ]);
    expect(await linesOf([Buffer.from(`${text}\n`)])).toHaveLength(3);
    expect(await linesOf([])).toEqual([]);
  });

  it('are the same wherever the bytes are cut', async () => {
    const texts = fc.array(fc.constantFrom('', ' ', 'a', 'é'.repeat(3), 'x'.repeat(12), '\r'), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(texts, fc.array(fc.nat(), { maxLength: 20 }), async (lines, places) => {
        const bytes = Buffer.from(lines.join('\n'));
        const limits = { maxLineBytes: 10, maxBytes: 10_000 };
        expect(await linesOf(cut(bytes, places), limits)).toEqual(await linesOf([bytes], limits));
      }),
    );
  });

  it('that are too long have only a number, and spoil no other', async () => {
    const limits = { maxLineBytes: 4, maxBytes: 1_000 };
    const chunks = ['abcd\nabc', 'de', 'fgh', 'i\nabc\nabcde'].map((text) => Buffer.from(text));
    expect(await linesOf(chunks, limits)).toEqual([
      [1, 'abcd'],
      [2, null],
      [3, 'abc'],
      [4, null],
    ]);
  });

  it('end when there are more bytes than there may be', async () => {
    const limits = { maxLineBytes: 4, maxBytes: 6 };
    expect(await linesOf([Buffer.from('ab\nabc')], limits)).toHaveLength(2);
    await expect(linesOf([Buffer.from('ab\nabc'), Buffer.from('\n')], limits)).rejects.toThrow(TooManyBytes);
  });
});
