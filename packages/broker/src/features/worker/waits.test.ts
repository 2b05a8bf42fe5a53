import { describe, expect, it, vi } from 'vitest';
import type { Ledger, LaneName } from '../../engines/ledger/ledger.ts';
import { temporaryLedger } from '../../engines/ledger/testing/temporary-database.ts';
import { ledgerHands } from '../../engines/ledger/testing/ledger-hands.ts';
import { newId } from '../../kernel/ids.ts';
import { createWaits, type Pace, type WaitsDeps } from './waits.ts';

const MODEL = 'llama3:8b';
const PACE: Pace = { slots: 4, free: 0, claimed: 0, meanMs: 100, uses: {} };

async function room(more: Partial<WaitsDeps> = {}) {
  const ledger: Ledger = await temporaryLedger();
  const { insert } = ledgerHands(() => ledger);
  const oldest = new Map<number, number>();
  const waits = createWaits({
    ...{ ledger, oldest: () => oldest, pacesElsewhere: () => [], ageingMs: () => 0 },
    lineOf: () => ({ pace: PACE, hadMs: () => 0, claimedBefore: () => 0, costMs: () => 100 }),
    termsOf: () => ({ cap: Number.POSITIVE_INFINITY, weight: 1 }),
    ...more,
  });
  /** Rows of a key, in line; the last of them. */
  const queue = async (count: number, lane: Partial<LaneName> = {}) => {
    const name = { queue: 'default', keyId: newId('key'), band: 2, model: MODEL, ...lane };
    const laneId = await ledger.lanes.idOf(name);
    const ids = await Promise.all(Array.from({ length: count }, () => insert(laneId)));
    oldest.set(laneId, Date.now());
    return { id: ids.sort().at(-1)!, laneId, keyId: name.keyId };
  };
  return { waits, queue, ledger };
}

describe('the wait of a request', () => {
  it('is that of those before it in its lane, and of its fair share among other keys of the model', async () => {
    const { waits, queue } = await room();
    const last = await queue(21);
    await queue(5);
    await queue(300);
    await queue(300, { model: 'gemma2:2b' });
    expect(await waits.estimate(last)).toEqual({ position: 20 + 5 + 20 + 1, etaMs: 1_138 });
  });

  it('is longer by as much as others count for more', async () => {
    const heavy = new Set<string>();
    const { waits, queue } = await room({
      termsOf: (keyId) => ({ cap: Number.POSITIVE_INFINITY, weight: heavy.has(keyId) ? 3 : 1 }),
      lineOf: () => ({
        ...{ pace: PACE, hadMs: () => 0, claimedBefore: () => 0 },
        costMs: (keyId) => (heavy.has(keyId) ? 100 / 3 : 100),
      }),
    });
    const last = await queue(11);
    heavy.add((await queue(300)).keyId);
    expect((await waits.estimate(last))?.position).toBe(10 + 30 + 1);
  });

  it('counts higher priorities before it, and lanes of its own key in turns', async () => {
    const { waits, queue } = await room();
    const last = await queue(11);
    await queue(7, { band: 4 });
    await queue(3, { keyId: last.keyId, queue: 'other' });
    await queue(50, { band: 0 });
    expect((await waits.estimate(last))?.position).toBe(10 + 7 + 3 + 1);
  });

  it("has no time while its queue stands still, and what does stands in nobody's way", async () => {
    const { waits, queue } = await room({ capOfQueue: (name) => (name === 'paused' ? 0 : 8) });
    const paused = await queue(11, { queue: 'paused' });
    expect(await waits.estimate(paused)).toEqual({ position: 11, etaMs: null });
    expect(await waits.estimate(await queue(1))).toEqual({ position: 1, etaMs: 13 });
  });

  it('is told to a thousand who ask at once from one look at their lane', async () => {
    const { waits, queue, ledger } = await room();
    const { laneId, id } = await queue(50);
    const line = vi.spyOn(ledger, 'line');
    const ids = (await ledger.line(laneId, 100)).slice(0, 50);
    line.mockClear();
    const asked = Array.from({ length: 1_000 }, (_, n) => ids[n % 50]!);
    const told = await Promise.all(asked.map((one) => waits.estimate({ id: one, laneId })));
    expect(told.map((estimate) => estimate?.position)).toEqual(asked.map((one) => ids.indexOf(one) + 1));
    expect(ids.at(-1)).toBe(id);
    expect(line).toHaveBeenCalledTimes(1);
  });

  it('is not told when more stand before it than are counted', async () => {
    const { waits, queue } = await room();
    const { laneId, id } = await queue(1_002);
    expect(await waits.estimate({ laneId, id })).toBeNull();
    const first = await queue(1);
    expect(await waits.estimate(first)).toMatchObject({ position: 1 + 0 });
  });

  it('is known from what other brokers tell where nothing is dispatched, and has no time where nobody does', async () => {
    const nothing = {
      lineOf: () => ({ pace: undefined, hadMs: () => 0, claimedBefore: () => 0, costMs: () => 50 }),
    };
    const elsewhere = await room({ ...nothing, pacesElsewhere: () => [{ ...PACE, slots: 2 }] });
    expect(await elsewhere.waits.estimate(await elsewhere.queue(11))).toEqual({ position: 11, etaMs: 525 });
    const nowhere = await room(nothing);
    expect(await nowhere.waits.estimate(await nowhere.queue(11))).toEqual({ position: 11, etaMs: null });
  });
});

describe('how right estimates were', () => {
  it('is the median of what was said at acceptance against what came, of those that started here', async () => {
    const { waits, queue } = await room({
      lineOf: () => ({
        pace: { ...PACE, free: 4 },
        hadMs: () => 0,
        claimedBefore: () => 0,
        costMs: () => 100,
      }),
    });
    expect(waits.medianError()).toBeNull();
    // One is looked at every quarter of a second, and its estimate is there before it starts.
    for (let count = 0; count < 10; count++) {
      const one = await queue(1);
      waits.accepted(one);
      waits.accepted({ ...one, id: newId('req') });
      await waits.estimate(one);
      waits.started(one.id);
      waits.started(one.id);
      await new Promise((resolve) => setTimeout(resolve, 260));
    }
    const { share, of } = waits.medianError()!;
    expect(of).toBe(10);
    expect(share).toBeLessThan(1);
  });
});
