/** On a real ledger; what webhooks and the audit trail say is scripted. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../engines/ledger/ledger.ts';
import { temporaryDatabase, temporaryLedger } from '../../engines/ledger/testing/temporary-database.ts';
import { ledgerHands } from '../../engines/ledger/testing/ledger-hands.ts';
import type { AuditRow, WebhookDelivery, WebhookDeliveryDetails } from '../../kernel/contract.generated.ts';
import { newId } from '../../kernel/ids.ts';
import { createTraceRequest } from './trace-request.ts';

const KEY = newId('key');
const OWNER = newId('run');
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

let ledger: Ledger;
beforeAll(async () => {
  ledger = await temporaryLedger(await temporaryDatabase());
});

const laneOf = (model = 'm:1b') => ledger.lanes.idOf({ queue: 'chat', keyId: KEY, band: 2, model });

async function accepted(): Promise<string> {
  return ledgerHands(() => ledger).insert(await laneOf(), { keyId: KEY, body: Buffer.from('sealed') });
}

/** One attempt of the only request that waits. */
async function attempt(to: 'delayed' | 'completed', more: { laneId?: number } = {}): Promise<void> {
  const [row] = await ledger.claim({ laneId: await laneOf(), limit: 1, owner: OWNER, leaseMs: 30_000 });
  const error = { code: 'upstream_failed', sealed: Buffer.from('sealed') };
  await ledger.settle({
    ...{ id: row!.id, fence: row!.fence, owner: OWNER, notify: false, countsAttempt: true },
    ...(to === 'delayed' ? { to, delayMs: 0, error } : { to, result: Buffer.from('sealed') }),
    ...{ upstream: 'gpu:1', processingMs: 7, ...more },
  });
}

function open(told: { deliveries?: WebhookDeliveryDetails[]; acts?: AuditRow[]; next?: string } = {}) {
  const { deliveries = [], acts = [], next = null } = told;
  return createTraceRequest({
    ledger,
    deliveries: {
      list: async () => ({ items: deliveries as WebhookDelivery[], next_cursor: next }),
      get: async (_keyId, id) => deliveries.find((one) => one.id === id)!,
    },
    acts: async () => ({ items: acts, next_cursor: null }),
  });
}

describe('the trace of a request', () => {
  it('has every step with its time, in order, and names the last claim', async () => {
    const id = await accepted();
    await attempt('delayed');
    await ledger.sweeps.wake();
    await attempt('completed');
    const { steps, ...rest } = await open()(id);
    expect(rest).toEqual({
      ...{ id, key_id: KEY, status: 'completed', model: 'm:1b', queue: 'chat', complete: true },
    });
    const told = steps.map(({ step, detail, upstream, code }) => [step, detail, upstream, code]);
    expect(told).toEqual([
      ['accepted', 'in chat, m:1b, priority 5', null, null],
      ['attempt_failed', 'claim 1', 'gpu:1', 'upstream_failed'],
      ['claimed', 'claim 2', null, null],
      ['completed', null, 'gpu:1', null],
    ]);
    expect(steps.at(-1)!.took_ms).toBe(7);
    const times = steps.map(({ at }) => Date.parse(at));
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('has deliveries with their attempts, and acts of operators without what was only intended', async () => {
    const id = await accepted();
    const delivery = {
      ...{ id: 'dlv_1', type: 'request.completed', webhook_id: null, replayed_from: null },
      created_at: soon(1_000),
      history: [
        { attempt: 1, ended_at: soon(2_000), response_status: 500, latency_ms: 9, error: 'http_status' },
        { attempt: 2, ended_at: soon(5_000), response_status: null, latency_ms: null, error: 'timeout' },
      ],
    } as unknown as WebhookDeliveryDetails;
    const act = (seq: number, outcome: string, of: number | null): AuditRow =>
      ({
        ...{ seq, of, at: soon(3_000 + seq), act: 'requests.cancel', outcome, code: null },
        actor: { kind: 'user', id: 'usr_1', name: 'ana' },
      }) as AuditRow;
    const acts = [act(1, 'intended', null), act(2, 'done', 1), act(3, 'intended', null)];
    const { steps, complete } = await open({ deliveries: [delivery], acts, next: 'dlv_0' })(id);
    expect(complete).toBe(false);
    const told = steps.slice(1).map(({ step, detail, code, actor, ref }) => [step, detail, code, actor, ref]);
    expect(told).toEqual([
      ['webhook', 'request.completed to its callback', null, null, 'dlv_1'],
      ['webhook_attempt', 'attempt 1, answered 500', 'http_status', null, 'dlv_1'],
      ['act', 'requests.cancel, done', null, 'ana', '2'],
      ['act', 'requests.cancel, intended', null, 'ana', '3'],
      ['webhook_attempt', 'attempt 2, no answer', 'timeout', null, 'dlv_1'],
    ]);
    await ledger.cancel(id, KEY);
    expect((await open()(id)).steps.map(({ step }) => step)).toEqual(['accepted', 'cancelled']);
  });

  it('of one that the fallback model answered says so', async () => {
    const id = await accepted();
    const other = await laneOf('other:1b');
    await attempt('delayed', { laneId: other });
    await ledger.sweeps.wake();
    const [row] = await ledger.claim({ laneId: other, limit: 1, owner: OWNER, leaseMs: 30_000 });
    await ledger.settle({
      ...{ id, fence: row!.fence, owner: OWNER, notify: false, countsAttempt: true },
      ...{ to: 'completed', result: Buffer.from('sealed'), upstream: 'gpu:1', processingMs: 7 },
    });
    const { steps, model } = await open()(id);
    expect(model).toBe('other:1b');
    expect(steps[0]!.detail).toBe('in chat, m:1b, priority 5');
    expect(steps.at(-1)).toMatchObject({ step: 'completed', detail: 'by the fallback model other:1b' });
  });

  it.each(['req_0000000000000000000000000a', 'nothing'])(
    'of %s, which is none, there is none',
    async (id) => {
      await expect(open()(id)).rejects.toMatchObject({ code: 'not_found' });
    },
  );
});
