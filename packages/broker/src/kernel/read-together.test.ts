import { describe, expect, it } from 'vitest';
import { readTogether } from './read-together.ts';

function recorded(most?: number) {
  const reads: (readonly string[])[] = [];
  const away = new Set<string>();
  const read = readTogether(async (ids) => {
    reads.push(ids);
    if (ids.some((id) => away.has(id))) throw new Error('away');
    return new Map(ids.filter((id) => id !== 'none').map((id) => [id, id.toUpperCase()]));
  }, most);
  return { read, reads, away };
}

describe('what is read together', () => {
  it('is one read a turn of the event loop, each id once, and null where there is nothing', async () => {
    const { read, reads } = recorded();
    expect(await Promise.all(['a', 'b', 'a', 'none'].map(read))).toEqual(['A', 'B', 'A', null]);
    expect(await read('a')).toBe('A');
    expect(reads).toEqual([['a', 'b', 'none'], ['a']]);
  });

  it('is more than one read when there are too many, and one that fails takes no other with it', async () => {
    const { read, reads, away } = recorded(2);
    away.add('c');
    const ends = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map(read));
    expect(reads).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(ends.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, false, true]);
  });
});
