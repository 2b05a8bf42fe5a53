/** What the ledger's conformance suites have in common: lanes of their own, rows, claims and settlements with sensible values. */
import { newId } from '../../../kernel/ids.ts';
import type { Claim, ClaimedRow, Ledger, NewRow, RowForm, Settlement } from '../ledger.ts';

export const KEY = newId('key');
export const OWNER = newId('run');
export const poison = (id: string): Buffer => Buffer.from(`poison of ${id}`);

/** What most rows are without. */
export const PLAIN = { notify: false, callback: null, retryOf: null, idempotency: null };

/** A row of another room, for settlements that bring some. */
export const ATTEMPT: RowForm = {
  ...{ table: 'webhook_attempts', columns: ['delivery_id', 'attempt', 'ended_at', 'error'] },
  fromNow: ['ended_at'],
};

let lanes = 0;

export function ledgerHands(ledger: () => Ledger) {
  const lane = (model = `m${process.pid}-${(lanes += 1)}`): Promise<number> =>
    ledger().lanes.idOf({ queue: 'default', keyId: KEY, band: 2, model });

  function row(laneId: number, more: Partial<NewRow> = {}): NewRow {
    const id = newId('req');
    const body = Buffer.from(`body of ${id}`);
    return {
      id,
      laneId,
      keyId: KEY,
      priority: 5,
      createdAt: Date.now(),
      runAt: null,
      deadlineAt: null,
      body,
      metadata: null,
      ...PLAIN,
      ...more,
    };
  }
  async function insert(laneId: number, more: Partial<NewRow> = {}): Promise<string> {
    const one = row(laneId, more);
    await ledger().insert(one);
    return one.id;
  }
  const claim = (laneId: number, limit = 10, more: Partial<Claim> = {}): Promise<ClaimedRow[]> =>
    ledger().claim({ laneId, limit, owner: OWNER, leaseMs: 30_000, ...more });
  const completed = (of: ClaimedRow, more: Partial<Settlement> = {}): Settlement => {
    return {
      id: of.id,
      fence: of.fence,
      owner: OWNER,
      to: 'completed',
      countsAttempt: true,
      notify: of.notify,
      result: Buffer.from('answer'),
      ...more,
    };
  };

  return { lane, row, insert, claim, completed };
}
