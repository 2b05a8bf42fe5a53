/** Group commit that sets its own pace, with writes that end when the test says so. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SelfClockedFlush, type FlushLimits } from './self-clocked-flush.ts';

interface Write {
  readonly ops: readonly number[];
  end(): void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Operations are numbers; the number is what it adds in bytes. */
function open(limits: FlushLimits = { maxOps: 100, maxBytes: 1_000_000 }) {
  const writes: Write[] = [];
  const state = { inFlight: 0, most: 0 };
  const write = async (ops: number[]): Promise<void> => {
    state.inFlight += 1;
    state.most = Math.max(state.most, state.inFlight);
    await new Promise<void>((end) => writes.push({ ops: [...ops], end }));
    state.inFlight -= 1;
  };
  const flush = new SelfClockedFlush<number>(write, (op) => op, limits);
  const add = (...ops: number[]): void => ops.forEach((op) => flush.add(op));
  const groups = (): (readonly number[])[] => writes.map((one) => one.ops);
  return { flush, add, writes, groups, state };
}

describe('a flush', () => {
  it('writes together what came in one turn of the event loop', async () => {
    const { add, groups } = open();
    add(1, 2);
    await Promise.resolve().then(() => add(3));
    expect(groups()).toEqual([]);
    await turn();
    expect(groups()).toEqual([[1, 2, 3]]);
  });

  it('gathers all that comes while a write is in flight into the next one', async () => {
    const { add, writes, groups } = open();
    add(1);
    await turn();
    for (const op of [2, 3, 4]) {
      add(op);
      await turn();
    }
    expect(groups()).toEqual([[1]]);
    writes[0]!.end();
    await turn();
    expect(groups()).toEqual([[1], [2, 3, 4]]);
  });

  it('writes no more operations at once than the limit, and the rest next', async () => {
    const { add, writes, groups } = open({ maxOps: 3, maxBytes: 1_000 });
    add(1, 2, 3, 4, 5, 6, 7);
    for (let i = 0; i < 3; i++) {
      await turn();
      writes[i]!.end();
    }
    expect(groups()).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  });

  it('writes no more bytes at once than the limit, unless a single operation has more', async () => {
    const { add, writes, groups } = open({ maxOps: 100, maxBytes: 10 });
    add(4, 6, 1, 50, 10, 3, 3);
    for (let i = 0; i < 5; i++) {
      await turn();
      writes[i]!.end();
    }
    expect(groups()).toEqual([[4, 6], [1], [50], [10], [3, 3]]);
  });

  it('waits on as long as each turn brings something new, and no longer than it was told', async () => {
    const { add, groups } = open({ maxOps: 100, maxBytes: 1_000, maxTurns: 3 });
    add(1);
    await turn();
    add(2);
    await turn();
    expect(groups()).toEqual([]);
    await turn();
    expect(groups()).toEqual([[1, 2]]);
    const busy = open({ maxOps: 100, maxBytes: 1_000, maxTurns: 3 });
    for (let i = 0; i < 3; i++) {
      busy.add(i);
      await turn();
    }
    expect(busy.groups()).toEqual([[0, 1, 2]]);
  });

  it('may have several in flight, and gathers only while all of them are', async () => {
    const { add, writes, groups } = open({ maxOps: 2, maxBytes: 1_000, maxInFlight: 2 });
    add(1, 2, 3, 4, 5);
    await turn();
    await turn();
    expect(groups()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    add(6);
    await turn();
    expect(groups()).toHaveLength(2);
    writes[1]!.end();
    await turn();
    expect(groups().at(-1)).toEqual([5, 6]);
  });

  it('shares what waits among the writes that may be in flight, unless it is little', async () => {
    const { add, groups } = open({ maxOps: 100, maxBytes: 1_000, maxInFlight: 2 });
    add(...Array.from({ length: 20 }, () => 1));
    await turn();
    await turn();
    expect(groups().map(({ length }) => length)).toEqual([10, 10]);
    const little = open({ maxOps: 100, maxBytes: 1_000, maxInFlight: 2 });
    little.add(1, 2, 3, 4, 5, 6, 7, 8);
    await turn();
    expect(little.groups()).toEqual([[1, 2, 3, 4, 5, 6, 7, 8]]);
  });

  it('starts again after it was idle', async () => {
    const { flush, add, writes, groups } = open();
    for (let i = 0; i < 3; i++) {
      add(i);
      await turn();
      writes[i]!.end();
      await flush.idle();
    }
    expect(groups()).toEqual([[0], [1], [2]]);
  });

  it('is idle only when all that was added is written, also what came meanwhile', async () => {
    const { flush, add, writes } = open();
    let isIdle = false;
    add(1);
    const idle = flush.idle().then(() => (isIdle = true));
    await turn();
    add(2);
    writes[0]!.end();
    await turn();
    expect(isIdle).toBe(false);
    writes[1]!.end();
    await idle;
    expect(writes).toHaveLength(2);
  });

  it('is idle at once when nothing was added', async () => {
    await open().flush.idle();
  });

  it('keeps the order, loses nothing, and has no more writes in flight than it may, whatever comes when', async () => {
    const bursts = fc.array(fc.array(fc.nat(40), { maxLength: 12 }), { minLength: 1, maxLength: 12 });
    const limits = fc.record({
      maxOps: fc.integer({ min: 1, max: 5 }),
      maxBytes: fc.integer({ min: 1, max: 60 }),
      maxInFlight: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(bursts, limits, fc.array(fc.boolean()), async (all, limit, ends) => {
        const { flush, add, writes, groups, state } = open(limit);
        const added = all.flat();
        let ended = 0;
        for (const [i, burst] of all.entries()) {
          add(...burst);
          await turn();
          if (ends[i] && ended < writes.length) writes[ended++]!.end();
        }
        const idle = flush.idle();
        while (groups().flat().length < added.length || ended < writes.length) {
          if (ended < writes.length) writes[ended++]!.end();
          await turn();
        }
        await idle;
        expect(groups().flat()).toEqual(added);
        expect(state.inFlight).toBe(0);
        expect(state.most).toBeLessThanOrEqual(limit.maxInFlight);
        for (const group of groups()) {
          expect(group.length).toBeLessThanOrEqual(limit.maxOps);
          const bytes = group.reduce((sum, op) => sum + op, 0);
          if (group.length > 1) expect(bytes).toBeLessThanOrEqual(limit.maxBytes);
        }
      }),
      { numRuns: 60 },
    );
  });
});
