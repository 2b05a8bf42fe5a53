import { describe, expect, it } from 'vitest';
import type { ActiveLanes } from '../../engines/active-lanes/active-lanes.ts';
import { LedgerUnavailable, type Ledger } from '../../engines/ledger/ledger.ts';
import { newId } from '../../kernel/ids.ts';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { createAcceptance } from './accept-request.ts';

function acceptance(insert: Ledger['insert'], activate: ActiveLanes['activate']) {
  return createAcceptance({
    ledger: { insert, lanes: { idOf: async () => 1 } } as unknown as Ledger,
    activeLanes: { activate } as ActiveLanes,
    vault: { derive: () => Buffer.alloc(32) } as never,
    content: { seal: () => Buffer.from('sealed') } as never,
    view: null as never,
    ...{ clock: { now: () => 1_000 }, logger: silentLogger, defaultModel: 'm' },
    ...{ offerLane: () => false, hasReceivers: async () => false, problemOfCallback: () => null },
  });
}

const limits = { ...NO_LIMITS, plan: null, expiresAt: null };
const arrival = {
  key: { id: newId('key'), name: 'a', ...limits },
  input: { prompt: 'Hi' },
  idempotencyKey: null,
};

describe('accepting a request', () => {
  it('waits for no lane to become active: one that hangs or fails delays nobody', async () => {
    for (const activate of [() => new Promise<void>(() => {}), () => Promise.reject(new Error('away'))]) {
      const { request } = await acceptance(async () => ({ kind: 'inserted' }), activate).accept(arrival);
      expect(request.status).toBe('pending');
    }
  });

  it('accepts nothing that the ledger did not confirm, and makes no lane active for it', async () => {
    let activated = 0;
    const { accept } = acceptance(
      () => Promise.reject(new LedgerUnavailable('away')),
      async () => void (activated += 1),
    );
    await expect(accept(arrival)).rejects.toThrow(LedgerUnavailable);
    expect(activated).toBe(0);
  });
});
