/** Usage on a real ledger: which hour a request is counted in, and what the sums are. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../engines/ledger/ledger.ts';
import { temporaryDatabase, temporaryLedger } from '../../engines/ledger/testing/temporary-database.ts';
import { ledgerHands } from '../../engines/ledger/testing/ledger-hands.ts';
import { firstIdAt, newId } from '../../kernel/ids.ts';
import { createCountUsage } from './usage.ts';

const HOUR_MS = 3_600_000;
/** 08:30, so that the present hour has begun and is not over. */
const NOW = Date.parse('2026-11-20T08:30:00.000Z');
const NOTHING = {
  requests: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
};

/** newId never goes back in time. */
const idAt = (ms: number): string => firstIdAt('req', ms) + newId('req').slice(14);

let ledger: Ledger;
beforeAll(async () => {
  ledger = await temporaryLedger(await temporaryDatabase());
});

const countUsage = (query: Parameters<ReturnType<typeof createCountUsage>>[0]) =>
  createCountUsage(ledger, { now: () => NOW })(query);

async function used(keyId: string, at: string, tokens?: number): Promise<void> {
  const { insert, claim, completed } = ledgerHands(() => ledger);
  const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'llama3:8b' });
  const createdAt = Date.parse(`2026-11-20T${at}Z`);
  await insert(laneId, { id: idAt(createdAt), keyId, createdAt });
  if (tokens === undefined) return;
  const [one] = await claim(laneId, 1);
  await ledger.settle(completed(one!, { promptTokens: tokens, completionTokens: 2 * tokens }));
}

describe('usage', () => {
  it('counts each request in the hour it was created, and sums it all up', async () => {
    const keyId = newId('key');
    await used(keyId, '06:00:00.000', 10);
    await used(keyId, '06:59:59.999', 5);
    await used(keyId, '08:00:00.000');
    await used(newId('key'), '06:30:00.000', 7);
    const { hours, total, ...of } = await countUsage({ key: keyId, since: '2026-11-20T06:10:00Z' });
    expect(of).toEqual({
      key: keyId,
      since: '2026-11-20T06:00:00.000Z',
      until: '2026-11-20T08:30:00.000Z',
    });
    expect(hours).toEqual([
      {
        ...NOTHING,
        hour: '2026-11-20T06:00:00.000Z',
        requests: 2,
        completed: 2,
        prompt_tokens: 15,
        completion_tokens: 30,
      },
      { ...NOTHING, hour: '2026-11-20T07:00:00.000Z' },
      { ...NOTHING, hour: '2026-11-20T08:00:00.000Z', requests: 1 },
    ]);
    expect(total).toEqual({
      ...NOTHING,
      requests: 3,
      completed: 2,
      prompt_tokens: 15,
      completion_tokens: 30,
    });
  });

  it('is of all keys and of the last 24 hours unless something else is asked for', async () => {
    const before = await countUsage({});
    expect([before.key, before.hours.length, before.since]).toEqual([null, 24, '2026-11-19T09:00:00.000Z']);
    await used(newId('key'), '08:10:00.000', 1);
    const { total } = await countUsage({});
    expect(total.requests).toBe(before.total.requests + 1);
    expect(total.completion_tokens).toBe(before.total.completion_tokens + 2);
  });

  it('refuses a time that is too long ago, or has not come', async () => {
    for (const at of [NOW - 32 * 24 * HOUR_MS, NOW + HOUR_MS])
      await expect(countUsage({ since: new Date(at).toISOString() })).rejects.toMatchObject({
        code: 'validation_failed',
      });
  });
});
