/** On a real ledger and a real vault; the upstreams' part is scripted. */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClaimedRow, Ledger } from '../../engines/ledger/ledger.ts';
import { temporaryDatabase, temporaryLedger } from '../../engines/ledger/testing/temporary-database.ts';
import { dataKeyStore } from '../../engines/vault/data-key-store.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { AttemptExplanation } from '../../kernel/contract.generated.ts';
import { newId } from '../../kernel/ids.ts';
import { openVault } from '../../testing/open-vault.ts';
import type { ModelCall } from '../upstreams/upstreams.ts';
import { createExplainRequest } from './explain-request.ts';
import { requestContent } from './request-content.ts';

const OWNER = newId('run');
const TIMERS = { connectMs: 1, firstTokenMs: 2, gapMs: 3, totalMs: 4_000 };
const LANE = { queue: 'default', keyId: newId('key'), band: 2, model: 'm:1b' };
const EXPLAINED: AttemptExplanation = {
  ...{ upstream: 'gpu:1', reason: null, began_at: null, outcome: null },
  ...{ took_ms: null, first_token_ms: null, timers: [], terms: [] },
};

let ledger: Ledger;
let vault: Vault;
beforeAll(async () => {
  const database = await temporaryDatabase();
  ledger = await temporaryLedger(database);
  vault = await openVault(randomBytes(32), dataKeyStore(database.sequelize));
});

interface Stored {
  readonly body?: (id: string) => Buffer;
  readonly deadlineAt?: number;
}

async function stored({ body, ...more }: Stored = {}): Promise<string> {
  const id = newId('req');
  const laneId = await ledger.lanes.idOf(LANE);
  await ledger.insert({
    ...{ id, laneId, keyId: LANE.keyId, priority: 5, createdAt: Date.now(), runAt: null, deadlineAt: null },
    body: body?.(id) ?? requestContent(vault).seal('body', id, { prompt: 'Hi' }),
    ...{ metadata: null, notify: false, callback: null, retryOf: null, idempotency: null },
    ...more,
  });
  return id;
}

async function claim(): Promise<ClaimedRow[]> {
  const laneId = await ledger.lanes.idOf(LANE);
  return ledger.claim({ laneId, limit: 100, owner: OWNER, leaseMs: 30_000 });
}

function open(last: AttemptExplanation | null = null) {
  const asked: { call: ModelCall; leftMs: number }[] = [];
  const firstTokens: number[] = [];
  const explain = createExplainRequest({
    ...{ ledger, vault, timers: TIMERS, embedTimeoutMs: () => 20, clock: { now: () => 1_000 } },
    upstreams: {
      explainLast: () => last,
      explainNext: (call, { firstTokenMs }, leftMs) => {
        asked.push({ call, leftMs });
        firstTokens.push(firstTokenMs);
        return EXPLAINED;
      },
    },
  });
  return { explain, asked, firstTokens };
}

describe('the explanation of a request', () => {
  it('says of one that waits where it would go, with the time that its deadline leaves', async () => {
    const { explain, asked } = open();
    const id = await stored({ deadlineAt: 3_500 });
    expect(await explain(id)).toEqual({
      ...{ id, status: 'pending', model: 'm:1b', attempts: 0 },
      ...{ last_attempt: null, next_attempt: EXPLAINED },
    });
    expect(asked).toEqual([{ call: { prompt: 'Hi', model: 'm:1b' }, leftMs: 2_500 }]);
  });

  it('gives texts to embed the time that they have', async () => {
    const { explain, firstTokens } = open();
    const id = await stored();
    const texts = { input: 'Hi' };
    await explain(id);
    await explain(await stored({ body: (other) => requestContent(vault).seal('body', other, texts) }));
    expect(firstTokens).toEqual([TIMERS.firstTokenMs, 20]);
  });

  it('has no time left after the deadline, and all of it without one', async () => {
    const { explain, asked } = open();
    await explain(await stored({ deadlineAt: 500 }));
    await explain(await stored());
    expect(asked.map(({ leftMs }) => leftMs)).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it('says of one that has ended only where it ran', async () => {
    const id = await stored();
    const row = (await claim()).find((one) => one.id === id)!;
    const result = requestContent(vault).seal('result', id, { text: 'Hello', finish_reason: 'stop' });
    await ledger.settle({
      ...{ id, fence: row.fence, owner: OWNER, to: 'completed', countsAttempt: true, notify: false },
      ...{ result, upstream: 'gpu:2', processingMs: 12 },
    });
    const known = { ...EXPLAINED, upstream: 'gpu:3' };
    expect(await open(known).explain(id)).toMatchObject({ last_attempt: known, next_attempt: null });
    // Another broker made it.
    expect(await open().explain(id)).toMatchObject({
      status: 'completed',
      last_attempt: { upstream: 'gpu:2', outcome: 'answered', took_ms: 12, timers: [] },
    });
  });

  it('does without the next attempt when the prompt cannot be decrypted', async () => {
    const id = await stored({ body: () => randomBytes(80) });
    expect(await open().explain(id)).toMatchObject({ next_attempt: null });
  });

  it('knows no request that is none', async () => {
    await expect(open().explain('what')).rejects.toMatchObject({ code: 'not_found' });
    await expect(open().explain(newId('req'))).rejects.toMatchObject({ code: 'not_found' });
  });
});
