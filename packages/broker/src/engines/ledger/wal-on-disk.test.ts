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

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `here` answers at once, after `hereMs`; `beside` when the test ends it. */
function open({ hereMs = 0 } = {}) {
  const syncs: PromiseWithResolvers<void>[] = [];
  const told: string[] = [];
  let here = 0;
  const disk = walOnDisk(file, {
    here: () => {
      here += 1;
      for (const until = performance.now() + hereMs; performance.now() < until;);
    },
    beside: () => {
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      return sync.promise;
    },
  });
  const tell = (name: string): void => {
    const held = disk.synced();
    if (!held) told.push(name);
    else
      held.then(
        () => told.push(name),
        () => told.push(`${name} failed`),
      );
  };
  return { disk, syncs, told, tell, syncsHere: () => here };
}

describe('the log on the disk', () => {
  it('keeps nobody waiting when nothing was committed', () => {
    const { disk, syncs } = open();
    expect(disk.synced()).toBeUndefined();
    expect(disk.syncedHere()).toBeUndefined();
    expect(syncs).toHaveLength(0);
  });

  it('tells of a commit when a sync has ended that began after it, and of all that were committed by then', async () => {
    const { disk, syncs, told, tell } = open();
    disk.committed();
    tell('first');
    disk.committed();
    tell('second');
    disk.committed();
    tell('third');
    expect(syncs).toHaveLength(1);
    syncs[0]!.resolve();
    await turn();
    expect(told).toEqual(['first']);
    expect(syncs).toHaveLength(2);
    syncs[1]!.resolve();
    await turn();
    expect(told).toEqual(['first', 'second', 'third']);
    expect(disk.synced()).toBeUndefined();
  });

  it('has who only reads wait for the sync under way, and for no other', async () => {
    const { disk, syncs, told, tell } = open();
    disk.committed();
    tell('writer');
    tell('reader');
    syncs[0]!.resolve();
    await turn();
    expect(told).toEqual(['writer', 'reader']);
    expect(syncs).toHaveLength(1);
  });

  it('is waited for in this thread while it is quick, and beside it once it was slow, until it is quick again', async () => {
    const { disk, syncs, syncsHere } = open({ hereMs: 3 });
    disk.committed();
    expect(disk.syncedHere()).toBeUndefined();
    expect(syncsHere()).toBe(1);
    disk.committed();
    const held = disk.syncedHere();
    expect([syncs.length, syncsHere()]).toEqual([1, 1]);
    syncs[0]!.resolve();
    await held;
    disk.committed();
    expect(disk.syncedHere()).toBeUndefined();
    expect([syncs.length, syncsHere()]).toEqual([1, 2]);
  });

  it('is not waited for in this thread while a sync runs', () => {
    const { disk, syncs, syncsHere } = open();
    disk.committed();
    void disk.synced();
    disk.committed();
    expect(disk.syncedHere()).toBeInstanceOf(Promise);
    expect([syncs.length, syncsHere()]).toEqual([1, 0]);
  });

  it('is never trusted again after it has refused: what is asked later fails without asking it', async () => {
    const { disk, syncs, told, tell } = open();
    disk.committed();
    tell('first');
    disk.committed();
    tell('second');
    syncs[0]!.reject(new Error('EIO'));
    await turn();
    disk.committed();
    tell('third');
    await turn();
    expect(told).toEqual(['first failed', 'second failed', 'third failed']);
    expect(syncs).toHaveLength(1);
    expect(disk.failure).toBeInstanceOf(LedgerUnavailable);
    await expect(disk.syncedHere()).rejects.toThrow('The disk did not keep what was written (EIO).');
  });
});
