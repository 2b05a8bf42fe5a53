import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateWait, type Line, type Waiting } from './estimate-wait.ts';
import { pickTurns } from './pick-turns.ts';

const waiting = (rows: number, more: Partial<Waiting> = {}): Waiting => ({
  ...{ rank: 2, rows, hadMs: 0, costMs: 100, weight: 1, uses: 0, ...more },
});
const line = (more: Partial<Line> & { ahead?: number } = {}): Line => ({
  ...{ slots: 4, free: 0, claimed: 0, siblings: [], others: [] },
  mine: { ...waiting(more.ahead ?? 0), atOnce: Number.POSITIVE_INFINITY },
  ...more,
});

describe('a request', () => {
  it('with nothing before it is next, and starts at once where a slot is free', () => {
    expect(estimateWait(line({ free: 1 }))).toEqual({ position: 1, etaMs: 0 });
    // One of four calls of 100 ms, half over on the average, must end.
    expect(estimateWait(line())).toEqual({ position: 1, etaMs: 13 });
  });

  it('waits for those before it in its own lane, and for those that are claimed already', () => {
    expect(estimateWait(line({ ahead: 40 }))).toEqual({ position: 41, etaMs: 1_013 });
    expect(estimateWait(line({ ahead: 40, claimed: 4 }))).toEqual({ position: 45, etaMs: 1_113 });
  });

  it('waits for all of a higher rank, for the share of the same, and for none of a lower', () => {
    const others = [waiting(30, { rank: 3 }), waiting(500), waiting(3), waiting(900, { rank: 1 })];
    expect(estimateWait(line({ ahead: 10, others })).position).toBe(10 + 30 + 10 + 3 + 1);
  });

  it('lets a key catch up that had less, and overtakes one that had more', () => {
    const mine = { ...waiting(10, { hadMs: 1_000 }), atOnce: 99 };
    expect(estimateWait(line({ mine, others: [waiting(500)] })).position).toBe(10 + 20 + 1);
    expect(estimateWait(line({ mine, others: [waiting(500, { hadMs: 5_000 })] })).position).toBe(11);
  });

  it('expects others to go on as they did, within their share', () => {
    const etaMs = (others: Waiting[]) => estimateWait(line({ ahead: 40, others })).etaMs!;
    expect(etaMs([waiting(4)])).toBe(1_113);
    expect(etaMs([waiting(4, { uses: 1 })])).toBeCloseTo(4_450 / 3, -2);
    expect(etaMs([waiting(4, { uses: 4 })])).toBe(2_013);
    expect(etaMs([waiting(4, { uses: 4, rank: 1 })])).toBe(1_013);
  });

  it('goes no faster than its key may', () => {
    const mine = { ...waiting(40), atOnce: 1 };
    expect(estimateWait(line({ mine, free: 3 })).etaMs).toBe(4_000);
  });

  it('has a place but no time while nothing can start', () => {
    expect(estimateWait(line({ ahead: 2, slots: 0 }))).toEqual({ position: 3, etaMs: null });
  });
});

describe('whatever stands in line', () => {
  const some = fc.record({
    rank: fc.integer({ min: 0, max: 4 }),
    rows: fc.integer({ min: 0, max: 200 }),
    hadMs: fc.integer({ min: 0, max: 5_000 }),
    costMs: fc.integer({ min: 20, max: 2_000 }),
    weight: fc.integer({ min: 1, max: 5 }),
    uses: fc.double({ min: 0, max: 4, noNaN: true }),
  });
  const lines: fc.Arbitrary<Line> = fc
    .record({
      ...{ slots: fc.integer({ min: 1, max: 32 }), claimed: fc.integer({ min: 0, max: 32 }) },
      ...{ mine: some, atOnce: fc.integer({ min: 1, max: 64 }) },
      ...{ siblings: fc.array(some, { maxLength: 3 }), others: fc.array(some, { maxLength: 6 }) },
    })
    .chain(({ atOnce, mine, ...rest }) =>
      fc
        .integer({ min: 0, max: rest.slots })
        .map((free): Line => ({ ...rest, free, mine: { ...mine, atOnce } })),
    );

  it('its place lies between its own rows and all rows, and its time is none or some', () => {
    fc.assert(
      fc.property(lines, (one) => {
        const { position, etaMs } = estimateWait(one);
        const all = [...one.siblings, ...one.others].reduce((sum, { rows }) => sum + rows, 0);
        expect(position).toBeGreaterThan(one.claimed + one.mine.rows);
        expect(position).toBeLessThanOrEqual(one.claimed + one.mine.rows + all + 1);
        expect(Number.isInteger(position)).toBe(true);
        expect(etaMs).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('one more before it never brings it nearer, and one more slot never takes it away', () => {
    fc.assert(
      fc.property(lines, (one) => {
        const more = estimateWait({ ...one, mine: { ...one.mine, rows: one.mine.rows + 1 } });
        expect(more.position).toBeGreaterThan(estimateWait(one).position);
        const uncapped = { ...one, mine: { ...one.mine, atOnce: Number.POSITIVE_INFINITY } };
        const wider = estimateWait({ ...uncapped, slots: one.slots + 1, free: one.free + 1 });
        expect(wider.etaMs!).toBeLessThanOrEqual(estimateWait(uncapped).etaMs!);
      }),
    );
  });

  it('its place is that at which the dispatcher would start it, give or take one a key', () => {
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 60 }),
        (keys, ahead) => {
          const [mine, ...others] = keys as [Waiting, ...Waiting[]];
          const given = line({ mine: { ...mine, rows: ahead, atOnce: 99 }, others });
          const expected = startsBefore([{ ...mine, rows: ahead + 1 }, ...others]);
          expect(Math.abs(estimateWait(given).position - 1 - expected)).toBeLessThanOrEqual(slack(keys));
        },
      ),
    );
  });

  /** One row of a slow key is as many of a fast one. */
  function slack(keys: readonly Waiting[]): number {
    const slowestMs = Math.max(...keys.map(({ costMs, weight }) => costMs / weight));
    return keys.reduce((sum, { costMs, weight }) => sum + 1 + Math.ceil((slowestMs * weight) / costMs), 0);
  }

  /** Plays the dispatcher's own decision until the first key's last row starts. */
  function startsBefore(keys: readonly Waiting[]): number {
    const had = keys.map(({ hadMs }) => hadMs);
    const left = keys.map(({ rows }) => rows);
    for (let starts = 0; ; starts++) {
      const lanes = keys.flatMap(({ rank }, index) =>
        left[index]! > 0 ? [{ keyId: String(index), queue: 'q', band: rank, oldestMs: 0 }] : [],
      );
      const turns = pickTurns(lanes, [], {
        ...{ places: 1, lowPlaces: 1, nowMs: 0, ageingMs: 0 },
        room: () => ({ ofKey: 1, ofQueue: 1 }),
        hadMs: (keyId) => had[Number(keyId)]!,
        costMs: (keyId) => keys[Number(keyId)]!.costMs / keys[Number(keyId)]!.weight,
      });
      const index = Number([...turns.keys()][0]!.keyId);
      had[index]! += keys[index]!.costMs / keys[index]!.weight;
      left[index]! -= 1;
      if (left[0] === 0) return starts;
    }
  }
});
