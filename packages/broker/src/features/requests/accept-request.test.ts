import { describe, expect, it } from 'vitest';
import type { ActiveLanes } from '../../engines/active-lanes/active-lanes.ts';
import { LedgerUnavailable, type Ledger } from '../../engines/ledger/ledger.ts';
import { newId } from '../../kernel/ids.ts';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { ALL_RIGHTS } from '../../kernel/key-rights.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { Room } from '../worker/worker.ts';
import { createAcceptance } from './accept-request.ts';

function acceptance(
  insert: Ledger['insert'],
  activate: ActiveLanes['activate'],
  makeRoom: () => Room | null = () => null,
) {
  return createAcceptance({
    ledger: { insert, lanes: { idOf: async () => 1 } } as unknown as Ledger,
    activeLanes: { activate } as ActiveLanes,
    vault: { derive: () => Buffer.alloc(32) } as never,
    content: { seal: () => Buffer.from('sealed') } as never,
    view: null as never,
    ...{ clock: { now: () => 1_000 }, logger: silentLogger, defaultModel: () => 'm' },
    ...{
      offerLane: () => false,
      makeRoom,
      hasReceivers: async () => false,
      problemOfCallback: () => null,
    },
  });
}

const limits = { ...NO_LIMITS, plan: null, expiresAt: null, rights: ALL_RIGHTS };
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

  describe('that would start at once', () => {
    const claimed = { owner: 'run', leaseMs: 1_000 };
    function openRoom() {
      const heard: unknown[] = [];
      const room: Room = {
        claimed,
        enter: ({ id, fence, attempts }) => heard.push({ id, fence, attempts }),
        giveUp: ({ mayBeStored }) => heard.push({ mayBeStored }),
      };
      return { heard, makeRoom: () => room };
    }

    it('stores it as claimed, starts it when it is stored, and makes no lane active', async () => {
      const { heard, makeRoom } = openRoom();
      let activated = 0;
      const { accept } = acceptance(
        async (row) => {
          expect(row.claimed).toMatchObject(claimed);
          expect(heard).toEqual([]);
          return { kind: 'inserted' };
        },
        async () => void (activated += 1),
        makeRoom,
      );
      const { request, isUnderWay } = await accept(arrival);
      expect(isUnderWay).toBe(false);
      expect(heard).toEqual([{ id: request.id, fence: 1, attempts: 0 }]);
      expect(activated).toBe(0);
    });

    it('starts it once, as early as it is committed, and then gives no room up although the disk fails', async () => {
      const { heard, makeRoom } = openRoom();
      const { accept } = acceptance(
        async (row) => {
          row.claimed!.onCommitted!();
          expect(heard).toMatchObject([{ id: row.id, fence: 1, attempts: 0 }]);
          throw new LedgerUnavailable('the disk');
        },
        async () => {},
        makeRoom,
      );
      await expect(accept(arrival)).rejects.toThrow(LedgerUnavailable);
      expect(heard).toHaveLength(1);
    });

    it('does not start what was given up, although it is stored later', async () => {
      const { heard, makeRoom } = openRoom();
      let commit = (): void => {};
      const { accept } = acceptance(
        async (row) => {
          commit = row.claimed!.onCommitted!;
          throw new LedgerUnavailable('no answer in time');
        },
        async () => {},
        makeRoom,
      );
      await expect(accept(arrival)).rejects.toThrow(LedgerUnavailable);
      commit();
      expect(heard).toEqual([{ mayBeStored: true }]);
    });

    it('does not start it a second time when it is on the disk as well', async () => {
      const { heard, makeRoom } = openRoom();
      const { accept } = acceptance(
        async (row) => {
          row.claimed!.onCommitted!();
          return { kind: 'inserted' };
        },
        async () => {},
        makeRoom,
      );
      expect(await accept(arrival)).toMatchObject({ isUnderWay: true });
      expect(heard).toHaveLength(1);
    });

    it('gives the room up when it is not stored, or nobody can tell', async () => {
      const { heard, makeRoom } = openRoom();
      const { accept } = acceptance(
        () => Promise.reject(new LedgerUnavailable('away')),
        async () => {},
        makeRoom,
      );
      await expect(accept(arrival)).rejects.toThrow(LedgerUnavailable);
      expect(heard).toEqual([{ mayBeStored: true }]);
    });

    it('asks for no room when it is to run later', async () => {
      const { heard, makeRoom } = openRoom();
      const { accept } = acceptance(
        async () => ({ kind: 'inserted' }),
        async () => {},
        makeRoom,
      );
      await accept({ ...arrival, input: { prompt: 'Hi', run_at: '2030-01-01T00:00:00Z' } });
      expect(heard).toEqual([]);
    });
  });
});
