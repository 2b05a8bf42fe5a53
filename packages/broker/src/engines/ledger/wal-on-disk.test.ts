/** Who is told waits for the disk, with a disk that answers when the test says so. */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LedgerUnavailable } from './ledger.ts';
import { walOnDisk } from './wal-on-disk.ts';

const folder = await mkdtemp(join(tmpdir(), 'fila-wal-'));
const file = join(folder, 'fila.sqlite');
writeFileSync(`${file}-wal`, '');
afterAll(() => rm(folder, { recursive: true }));

/** `here` takes `hereMs`; `beside` ends when the test says so. */
function open({ hereMs = 0 } = {}) {
  const syncs: PromiseWithResolvers<void>[] = [];
  let here = 0;
  let nowMs = 0;
  const disk = walOnDisk(file, {
    nowMs: () => nowMs,
    here: () => {
      here += 1;
      nowMs += hereMs;
    },
    beside: () => {
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      return sync.promise;
    },
  });
  return { disk, syncs, counts: () => ({ here, beside: syncs.length }) };
}

describe('the log on the disk', () => {
  it('is waited for in this thread while the disk is quick: then there is nothing to wait for', () => {
    const { disk, counts } = open();
    expect([disk.sync(false), disk.sync(false), disk.running]).toEqual([undefined, undefined, undefined]);
    expect(counts()).toEqual({ here: 2, beside: 0 });
  });

  it('is waited for beside it once the disk was slow, until it is quick again', async () => {
    const { disk, syncs, counts } = open({ hereMs: 3 });
    expect(disk.sync(false)).toBeUndefined();
    const sync = disk.sync(false);
    expect(counts()).toEqual({ here: 1, beside: 1 });
    syncs[0]!.resolve();
    await sync;
    expect(disk.sync(false)).toBeUndefined();
    expect(counts()).toEqual({ here: 2, beside: 1 });
  });

  it('is waited for beside it where something else goes on meanwhile, and says as long that it runs', async () => {
    const { disk, syncs, counts } = open();
    const sync = disk.sync(true);
    expect(disk.running).toBe(sync);
    expect(counts()).toEqual({ here: 0, beside: 1 });
    syncs[0]!.resolve();
    await sync;
    expect(disk.running).toBeUndefined();
  });

  it('says for good that the disk has failed, here or beside', async () => {
    const beside = open();
    const sync = beside.disk.sync(true);
    beside.syncs[0]!.reject(new Error('EIO'));
    await expect(sync).rejects.toThrow('The disk did not keep what was written (EIO).');
    expect(beside.disk.failure).toBeInstanceOf(LedgerUnavailable);
    expect(beside.disk.running).toBeUndefined();

    const broken = () => {
      throw new Error('ENOSPC');
    };
    const here = walOnDisk(file, { here: broken, beside: () => Promise.resolve(), nowMs: () => 0 });
    await expect(here.sync(false)).rejects.toThrow('(ENOSPC)');
    expect(here.failure).toBeInstanceOf(LedgerUnavailable);
  });

  it('takes a log that cannot be opened for a disk that has failed', async () => {
    for (const isBeside of [true, false]) {
      const disk = walOnDisk(join(folder, 'missing.sqlite'));
      await expect(disk.sync(isBeside)).rejects.toThrow(LedgerUnavailable);
      expect(disk.failure).toBeInstanceOf(LedgerUnavailable);
    }
  });
});
