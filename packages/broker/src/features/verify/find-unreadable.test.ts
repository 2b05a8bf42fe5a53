import { describe, expect, it } from 'vitest';
import { temporaryDatabase, temporaryLedger } from '../../engines/ledger/testing/temporary-database.ts';
import { newId } from '../../kernel/ids.ts';
import { findUnreadable } from './find-unreadable.ts';

async function ledgerWith(count: number) {
  const ledger = await temporaryLedger(await temporaryDatabase());
  const keyId = newId('key');
  const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'm' });
  const ids = Array.from({ length: count }, () => newId('req')).sort();
  const nothing = { runAt: null, deadlineAt: null, metadata: null, callback: null, retryOf: null };
  for (const id of ids)
    await ledger.insert({
      ...{ ...nothing, id, laneId, keyId, priority: 5, createdAt: 1, body: Buffer.from('x') },
      ...{ notify: false, idempotency: null },
    });
  return { ledger, ids };
}

describe('the search for what cannot be read', () => {
  it('finds every such request of all pages, counts them, and names ten', async () => {
    const { ledger, ids } = await ledgerWith(230);
    const bad = new Set(ids.filter((_, index) => index % 20 === 0));
    const found = await findUnreadable({ ledger, isReadable: async ({ id }) => !bad.has(id) });
    expect(found).toMatchObject({ rule: 'content-is-readable', count: 12, remedy: null });
    expect(found!.sample).toEqual([...bad].reverse().slice(0, 10));
  });

  it('is silent when all can be read, and looks at no more than it may', async () => {
    const { ledger, ids } = await ledgerWith(210);
    expect(await findUnreadable({ ledger, isReadable: async () => true })).toBeNull();
    const isOld = async ({ id }: { id: string }) => id !== ids[0];
    expect(await findUnreadable({ ledger, isReadable: isOld, most: 200 })).toBeNull();
  });
});
