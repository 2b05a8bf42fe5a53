/** Requests on a real ledger, a real vault and real lanes, for their tests: accepted, claimed and ended by hand. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll } from 'vitest';
import { memoryActiveLanes } from '../../../engines/active-lanes/memory-active-lanes.ts';
import type { Database } from '../../../engines/database/database.ts';
import { temporaryDatabase, temporaryLedger } from '../../../engines/ledger/testing/temporary-database.ts';
import type { ClaimedRow, Ledger, Settlement } from '../../../engines/ledger/ledger.ts';
import { dataKeyStore } from '../../../engines/vault/data-key-store.ts';
import type { Vault } from '../../../engines/vault/vault.ts';
import type { CreateRequest, Request } from '../../../kernel/contract.generated.ts';
import { armFailpoints } from '../../../kernel/failpoints.ts';
import { newId } from '../../../kernel/ids.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import { openVault } from '../../../testing/open-vault.ts';
import type { Room } from '../../worker/worker.ts';
import { createRequests, type Accepted, type Arrival } from '../requests.ts';

export const OWNER = newId('run');
export const nobody = async (): Promise<Accepted> => {
  throw new Error('Accepting is the last stage.');
};

let database: Database;
export let ledger: Ledger;
let vault: Vault;
beforeAll(async () => {
  database = await temporaryDatabase();
  ledger = await temporaryLedger(database);
  vault = await openVault(randomBytes(32), dataKeyStore(database.sequelize));
});

afterEach(() => armFailpoints(''));

export function open(makeRoom: () => Room | null = () => null) {
  const activeLanes = memoryActiveLanes();
  const lines: string[] = [];
  const log = (_fields: object, message: string): void => void lines.push(message);
  const logger = { ...silentLogger, warn: log, error: log, critical: log };
  const clock = { now: () => Date.now() };
  const requests = createRequests({
    ...{ offerLane: () => false, makeRoom },
    ...{ ledger, activeLanes, vault, clock, logger, defaultModel: () => 'usual:1b' },
    hasReceivers: async () => false,
    problemOfCallback: () => null,
  });
  const keyId = newId('key');
  const accept = async (input: Partial<CreateRequest> = {}): Promise<Request> =>
    (
      await requests.accept(
        { key: { id: keyId }, input: { prompt: 'Hi', ...input }, idempotencyKey: null } as Arrival,
        nobody,
      )
    ).request;

  async function claim(model = 'usual:1b'): Promise<ClaimedRow> {
    const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model });
    const [row] = await ledger.claim({ laneId, limit: 1, owner: OWNER, leaseMs: 30_000 });
    return row!;
  }
  async function end(row: ClaimedRow, more: Partial<Settlement> = {}): Promise<void> {
    const result = requests.sealResult(row.id, { text: 'Hello', finish_reason: 'stop' });
    const how = {
      to: 'completed',
      countsAttempt: true,
      notify: false,
      result,
      processingMs: 12,
      ...more,
    } as const;
    await ledger.settle({ id: row.id, fence: row.fence, owner: OWNER, ...how });
    requests.ended(row.id);
  }
  return { requests, activeLanes, keyId, accept, claim, end, lines };
}
