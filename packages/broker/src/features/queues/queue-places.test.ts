/** Places of a queue: exact while it hears of everything, and mended by the rows when it does not. */
import { describe, expect, it } from 'vitest';
import { createQueuePlaces } from './queue-places.ts';

/** A queue whose rows the test adds and ends; `hold` keeps a count of rows from answering. */
function openQueue(rowsBefore = 0) {
  const rows = { count: rowsBefore };
  const looks = { most: [] as number[], count: 0 };
  let release: Promise<void> = Promise.resolve();
  const places = createQueuePlaces(async (_queue, most) => {
    looks.count += 1;
    looks.most.push(most);
    const { count } = rows;
    await release;
    return { pending: count, delayed: 0, processing: 0, oldestAt: null };
  });
  const take = (most: number, isNew = true, count = 1) =>
    places.take(
      'chat',
      most,
      async () => {
        await Promise.resolve();
        if (isNew) rows.count += count;
        return { isNew, answer: 'ok' };
      },
      count,
    );
  const end = (): void => {
    rows.count -= 1;
    places.ended('chat');
  };
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    release = promise;
    return resolve;
  };
  return { rows, looks, places, take, end, hold };
}

const taken = (answers: readonly (object | false)[]): number => answers.filter((one) => one !== false).length;

describe('the places of a queue', () => {
  it('are taken for many together or not at all, and given back together', async () => {
    const { take, end } = openQueue();
    expect(await take(10, true, 11)).toBe(false);
    expect(await take(10, false, 10)).toEqual({ answer: 'ok' });
    expect(await take(10, true, 7)).toEqual({ answer: 'ok' });
    expect(await take(10, true, 4)).toBe(false);
    end();
    expect(await take(10, true, 4)).toEqual({ answer: 'ok' });
    expect(await take(10)).toBe(false);
  });

  it('are exactly as many as it may have, however many come at once, with what was there before', async () => {
    const { take, looks } = openQueue(30);
    const answers = await Promise.all(Array.from({ length: 150 }, () => take(100)));
    expect(taken(answers)).toBe(70);
    expect(looks.count).toBe(1);
  });

  it('are free again when a request ends, and when none came of the call', async () => {
    const { take, end, places } = openQueue();
    expect(taken([await take(2), await take(2), await take(2)])).toBe(2);
    end();
    expect(await take(2, false)).toEqual({ answer: 'ok' });
    expect(await take(2)).toEqual({ answer: 'ok' });
    expect(await take(2)).toBe(false);
    end();
    const failing = places.take('chat', 2, () => Promise.reject(new Error('away')));
    await expect(failing).rejects.toThrow('away');
    expect(taken([await take(2), await take(2)])).toBe(1);
  });

  it('cost nothing, and are not counted, while there is no limit', async () => {
    const { take, looks } = openQueue();
    for (let n = 0; n < 5; n++) expect(await take(0)).toEqual({ answer: 'ok' });
    expect(looks.count).toBe(0);
    expect(await take(5)).toBe(false);
  });

  it('are not moved by a look during which requests come and end', async () => {
    const { rows, take, end, hold, places } = openQueue();
    for (let n = 0; n < 10; n++) await take(20);
    const release = hold();
    const look = places.look('chat', 20);
    for (let n = 0; n < 6; n++) await take(20);
    for (let n = 0; n < 3; n++) end();
    release();
    await look;
    const answers: (object | false)[] = [];
    for (let n = 0; n < 20; n++) answers.push(await take(20));
    expect(taken(answers)).toBe(7);
    expect(rows.count).toBe(20);
    const releaseAgain = hold();
    const again = places.look('chat', 20);
    for (let n = 0; n < 15; n++) end();
    releaseAgain();
    await again;
    expect(taken(await Promise.all(Array.from({ length: 20 }, () => take(20))))).toBe(15);
  });

  it('follow the rows when requests came and went unheard', async () => {
    const { rows, take, places } = openQueue();
    for (let n = 0; n < 5; n++) await take(10);
    rows.count = 9;
    await places.look('chat', 10);
    expect(taken([await take(10), await take(10)])).toBe(1);
    rows.count = 2;
    await places.look('chat', 10);
    expect(taken(await Promise.all(Array.from({ length: 20 }, () => take(10))))).toBe(8);
  });

  it('of a queue that holds far more than it may are not thought free after a few have ended', async () => {
    const { take, end, looks } = openQueue(5_000);
    expect(await take(100)).toBe(false);
    expect(looks.most[0]).toBeGreaterThanOrEqual(10_000);
    for (let n = 0; n < 200; n++) end();
    expect(await take(100)).toBe(false);
  });
});
