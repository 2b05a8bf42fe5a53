/** Requests of all keys on a real ledger: what an operator sees, by which filters, and nothing that is sealed. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../engines/ledger/ledger.ts';
import { temporaryDatabase, temporaryLedger } from '../../engines/ledger/testing/temporary-database.ts';
import { ledgerHands } from '../../engines/ledger/testing/ledger-hands.ts';
import { firstIdAt, newId } from '../../kernel/ids.ts';
import { createRequestEntries, type RequestEntries } from './request-entries.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.now();
const iso = (at: number): string => new Date(at).toISOString();

/** newId never goes back in time. */
const idAt = (ms: number): string => firstIdAt('req', ms) + newId('req').slice(14);

let ledger: Ledger;
let entries: RequestEntries;
const cancelledWith: string[] = [];
const names = new Map<string, string>();
beforeAll(async () => {
  ledger = await temporaryLedger(await temporaryDatabase());
  entries = createRequestEntries({
    ledger,
    cancel: async (keyId, id) => {
      cancelledWith.push(keyId);
      await ledger.cancel(id, keyId);
    },
    keyNames: async () => names,
  });
});

async function accepted(more: {
  keyId: string;
  agoMs?: number;
  model?: string;
  queue?: string;
}): Promise<string> {
  const { keyId, agoMs = 0, model = 'llama3:8b', queue = 'default' } = more;
  const laneId = await ledger.lanes.idOf({ queue, keyId, band: 2, model });
  const at = NOW - agoMs;
  const { insert } = ledgerHands(() => ledger);
  return insert(laneId, {
    ...{ id: idAt(at), keyId, createdAt: at },
    ...{ body: Buffer.from('sealed prompt'), metadata: Buffer.from('sealed metadata') },
  });
}

describe('the requests of all keys', () => {
  it('show who sent what where, and nothing of its content', async () => {
    const keyId = newId('key');
    names.set(keyId, 'shop');
    const id = await accepted({ keyId });
    const { items } = await entries.list({ key: keyId });
    expect(items).toEqual([
      {
        ...{ id, key_id: keyId, key_name: 'shop', status: 'pending', model: 'llama3:8b', queue: 'default' },
        ...{ priority: expect.any(Number), degraded: false, attempts: 0, upstream: null, error_code: null },
        ...{ prompt_tokens: null, completion_tokens: null, processing_time: null },
        ...{ created_at: iso(NOW), started_at: null, completed_at: null, run_at: null, deadline: null },
        ...{ retry_of: null, retried_as: null },
      },
    ]);
  });

  it('come of every key, newest first, page by page', async () => {
    const keys = [newId('key'), newId('key')] as const;
    const queue = `q-${keys[0].slice(-8)}`;
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift(await accepted({ keyId: keys[i % 2]!, queue, agoMs: -i }));
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await entries.list({ queue, limit: 2, cursor });
      found.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(found).toEqual(ids);
    await expect(entries.list({ cursor: 'no' })).rejects.toMatchObject({ code: 'invalid_cursor' });
  });

  it('are found however many others came after them', async () => {
    const [keyId, queue] = [newId('key'), `far-${newId('run').slice(-8)}`];
    const first = await accepted({ keyId, queue });
    await Promise.all(Array.from({ length: 1_100 }, (_, i) => accepted({ keyId, agoMs: -1 - i })));
    const { items, next_cursor } = await entries.list({ queue });
    expect(items.map(({ id }) => id)).toEqual([first]);
    expect(next_cursor).toBeNull();
  });

  it('are found by key, model, status and the time they were created, to the millisecond', async () => {
    const keyId = newId('key');
    const [old, young] = [
      await accepted({ keyId, agoMs: 3 * HOUR_MS }),
      await accepted({ keyId, model: 'm:1b' }),
    ];
    const ids = async (query: Parameters<RequestEntries['list']>[0]): Promise<string[]> =>
      (await entries.list({ key: keyId, ...query })).items.map(({ id }) => id);
    expect(await ids({})).toEqual([young, old]);
    expect(await ids({ model: 'm:1b' })).toEqual([young]);
    expect(await ids({ status: 'completed' })).toEqual([]);
    expect(await ids({ status: 'pending', created_after: iso(NOW - HOUR_MS) })).toEqual([young]);
    expect(await ids({ created_before: iso(NOW - HOUR_MS) })).toEqual([old]);
    expect(await ids({ created_before: iso(NOW) })).toEqual([old]);
    expect(await ids({ created_after: iso(NOW), created_before: iso(NOW + 1) })).toEqual([young]);
    expect(await ids({ created_after: '1970-01-01T00:00:00Z', cursor: young })).toEqual([old]);
  });

  it('are cancelled in the name of their key; one that is not there is not found', async () => {
    const keyId = newId('key');
    const id = await accepted({ keyId });
    expect(await entries.cancel(id)).toMatchObject({
      id,
      status: 'cancelled',
      key_id: keyId,
      key_name: null,
    });
    expect(cancelledWith).toEqual([keyId]);
    await expect(entries.cancel(newId('req'))).rejects.toMatchObject({ code: 'not_found' });
  });
});
