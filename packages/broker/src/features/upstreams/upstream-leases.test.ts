import { describe, expect, it, onTestFinished } from 'vitest';
import { LedgerUnavailable, type LeaseBook } from '../../engines/ledger/ledger.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { createUpstreamLeases, type Leasable, type UpstreamLeases } from './upstream-leases.ts';

const TIMINGS = { leaseMs: 600, renewMs: 150, lookMs: 20 };
const SLOTS = 4;

interface Broker {
  readonly leases: UpstreamLeases;
  readonly run: string;
  /** Calls that run there, by upstream. */
  readonly running: Map<string, number>;
  readonly wanted: Set<string>;
  readonly heard: { gained: number; lost: number };
  held(): string[];
}

describe.each(DATABASES)('on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('the leases of upstreams', () => {
    const engines: Promise<Engines> | null = isAvailable ? open() : null;
    let servers = 0;
    const newServers = (count: number): string[] =>
      Array.from({ length: count }, () => `10.0.0.${(servers += 1)}:11434`);

    async function broker(
      ids: readonly string[],
      more: { deadRuns?: string[]; book?: (real: LeaseBook) => LeaseBook; run?: string } = {},
    ): Promise<Broker> {
      const { ledger } = (await engines)!;
      const { run = newId('run'), deadRuns = [], book = (real) => real } = more;
      const running = new Map(ids.map((id) => [id, 0]));
      const wanted = new Set(ids);
      const heard = { gained: 0, lost: 0 };
      const leases = createUpstreamLeases(
        { book: book(ledger.leases), run, deadRuns, logger: silentLogger, timings: TIMINGS },
        {
          upstreams: () =>
            ids.map((id): Leasable => {
              return { id, isWanted: wanted.has(id), isUp: true, running: running.get(id)! };
            }),
          onGained: () => void (heard.gained += 1),
          onLost: () => void (heard.lost += 1),
        },
      );
      onTestFinished(() => leases.stop());
      await leases.start();
      const held = (): string[] => ids.filter((id) => leases.othersAt(id) !== null);
      return { leases, run, running, wanted, heard, held };
    }

    it('are all taken at the start by a broker that is alone, and are free at once when it stops', async () => {
      const ids = newServers(3);
      const first = await broker(ids);
      expect(first.held()).toEqual(ids);
      expect(first.leases.brokers()).toBe(1);
      expect(first.leases.dispatcherOf(ids[0]!)).toMatchObject({ run: first.run, isHere: true });
      expect(first.heard.gained).toBe(1);
      await first.leases.stop();
      expect(first.held()).toEqual([]);
      expect((await broker(ids)).held()).toEqual(ids);
    });

    it('are shared with brokers that come, and fall back to those that stay', async () => {
      const ids = newServers(4);
      const [first, second] = [await broker(ids), await broker(ids)];
      await expect.poll(() => [first.held().length, second.held().length]).toEqual([2, 2]);
      expect(new Set([...first.held(), ...second.held()]).size).toBe(4);
      expect(first.heard.lost).toBe(2);
      expect(second.leases.brokers()).toBe(2);
      expect(second.leases.dispatcherOf(first.held()[0]!)).toMatchObject({ run: first.run, isHere: false });
      await second.leases.stop();
      await expect.poll(() => first.held()).toEqual(ids);
      expect(first.leases.brokers()).toBe(1);
    });

    it('that are handed over leave the calls that still run there their slots', async () => {
      const [id] = newServers(1) as [string];
      const [first, second] = [await broker([id]), await broker([id])];
      first.running.set(id, 3);
      expect(second.held()).toEqual([]);
      await first.leases.handOver();
      expect(first.held()).toEqual([]);
      await expect.poll(() => second.leases.othersAt(id)).toBe(3);
      first.running.set(id, 1);
      await expect.poll(() => second.leases.othersAt(id)).toBe(1);
      const { gained } = second.heard;
      first.running.set(id, 0);
      await expect.poll(() => second.leases.othersAt(id)).toBe(0);
      expect(second.heard.gained).toBe(gained + 1);
    });

    it('are given up where no call may start, and taken again when it may', async () => {
      const [kept, drained] = newServers(2) as [string, string];
      const { leases, wanted, held } = await broker([kept, drained]);
      wanted.delete(drained);
      await leases.review();
      expect(held()).toEqual([kept]);
      expect(leases.dispatcherOf(drained)).toBeNull();
      wanted.add(drained);
      await leases.review();
      expect(held()).toEqual([kept, drained]);
    });

    it('of an earlier run that is dead for certain are taken at the start', async () => {
      const ids = newServers(2);
      const dead = newId('run');
      const { ledger } = (await engines)!;
      await ledger.leases.write(dead, [
        { name: `broker:${dead}`, leaseMs: 60_000, note: '{"host":"","upstreams":{}}' },
        ...ids.map((id) => ({ name: `upstream:${id}`, leaseMs: 60_000 })),
      ]);
      expect((await broker(ids)).held()).toEqual([]);
      expect((await broker(ids, { deadRuns: [dead] })).held().length).toBeGreaterThan(0);
    });

    it('are worth nothing once their time is over without a word from the database, and come back with it', async () => {
      const ids = newServers(1);
      let isAway = false;
      const watch = <T>(call: () => Promise<T>): Promise<T> =>
        isAway ? Promise.reject(new LedgerUnavailable('away')) : call();
      const { held } = await broker(ids, {
        book: (real) => ({
          write: (owner, leases) => watch(() => real.write(owner, leases)),
          valid: () => watch(() => real.valid()),
          forget: (owners) => watch(() => real.forget(owners)),
        }),
      });
      isAway = true;
      expect(held()).toEqual(ids);
      await expect.poll(held, { interval: 5, timeout: 5_000 }).toEqual([]);
      isAway = false;
      await expect.poll(held).toEqual(ids);
    });

    it('of a broker that falls silent go to another when they are over, never before', async () => {
      const ids = newServers(2);
      let isSilent = false;
      const silent = <T>(call: () => Promise<T>): Promise<T> =>
        isSilent ? new Promise(() => undefined) : call();
      const first = await broker(ids, {
        book: (real) => ({ ...real, write: (owner, leases) => silent(() => real.write(owner, leases)) }),
      });
      const second = await broker(ids);
      await expect.poll(() => second.held()).toHaveLength(1);
      isSilent = true;
      await expect
        .poll(
          () => {
            const both = [...first.held(), ...second.held()];
            expect(new Set(both).size).toBe(both.length);
            return second.held();
          },
          { interval: 2, timeout: 5_000 },
        )
        .toEqual(ids);
      isSilent = false;
    });

    it('never let more calls run at an upstream than it has slots, whoever comes, hands over or stops', async () => {
      const ids = newServers(3);
      const brokers: Broker[] = [await broker(ids)];
      const peak = new Map(ids.map((id) => [id, 0]));
      const total = (id: string): number => brokers.reduce((sum, { running }) => sum + running.get(id)!, 0);
      const call = async ({ leases, running }: Broker, id: string): Promise<void> => {
        const others = leases.othersAt(id);
        if (others === null || running.get(id)! >= SLOTS - others) return;
        running.set(id, running.get(id)! + 1);
        peak.set(id, Math.max(peak.get(id)!, total(id)));
        await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 60));
        running.set(id, running.get(id)! - 1);
      };
      const ends: Promise<void>[] = [];
      const load = setInterval(() => {
        for (const one of brokers) for (const id of ids) ends.push(call(one, id));
      }, 2);
      for (let round = 0; round < 3; round++) {
        for (let count = 0; count < 2; count++) brokers.push(await broker(ids));
        await new Promise((resolve) => setTimeout(resolve, 150));
        for (const { leases, running } of brokers.slice(0, 2)) {
          await leases.handOver();
          await expect.poll(() => [...running.values()].every((count) => count === 0)).toBe(true);
          await leases.stop();
        }
        brokers.splice(0, 2);
      }
      clearInterval(load);
      await Promise.all(ends);
      expect([...peak.values()]).toEqual(ids.map(() => SLOTS));
    });
  });
});
