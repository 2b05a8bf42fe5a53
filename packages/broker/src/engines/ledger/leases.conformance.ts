/** What the leases of every ledger must do, run against each adapter on its real engine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import type { Ledger, WantedLease } from './ledger.ts';

/** `make` opens a ledger on one and the same migrated, empty database each time it is called. */
export function describeLeases(title: string, make: () => Promise<Ledger>): void {
  describe(title, () => {
    let ledger: Ledger;
    let other: Ledger;
    let count = 0;
    beforeAll(async () => {
      [ledger, other] = [await make(), await make()];
    });
    afterAll(async () => {
      await ledger.close();
      await other.close();
    });

    const newName = (): string => `upstream:10.0.0.${(count += 1)}:11434`;
    const want = (name: string, more: Partial<WantedLease> = {}): WantedLease => ({
      ...{ name, leaseMs: 60_000, ...more },
    });
    const ownerOf = async (name: string): Promise<string | undefined> =>
      (await other.leases.valid()).find((lease) => lease.name === name)?.owner;
    const overIn = async (name: string, ms: number): Promise<void> => {
      const sql = `UPDATE leases SET until_ms = ${ledger.sql.nowMs} + ${ms} WHERE name = ?`;
      await ledger.sql.run(sql, [name]);
    };

    it('belongs to who took it first, and is read by all with its note and the time it has left', async () => {
      const [one, two, name] = [newId('run'), newId('run'), newName()];
      await ledger.leases.write(one, [want(name, { note: '{"a":1}' })]);
      await other.leases.write(two, [want(name, { note: 'stolen' })]);
      const found = (await other.leases.valid()).find((lease) => lease.name === name)!;
      expect(found).toMatchObject({ owner: one, note: '{"a":1}' });
      expect(found.leftMs).toBeGreaterThan(50_000);
      expect(found.leftMs).toBeLessThanOrEqual(60_000);
    });

    it('is given to exactly one of many who ask at once', async () => {
      const names = Array.from({ length: 5 }, newName);
      const owners = Array.from({ length: 12 }, () => newId('run'));
      await Promise.all(
        owners.map((owner, n) =>
          (n % 2 ? ledger : other).leases
            .write(
              owner,
              names.map((name) => want(name, { note: owner })),
            )
            // A deadlock is somebody else's gain; whoever lost asks again later.
            .catch(() => undefined),
        ),
      );
      const found = (await ledger.leases.valid()).filter(({ name }) => names.includes(name));
      expect(found).toHaveLength(names.length);
      for (const { owner, note } of found) {
        expect(owners).toContain(owner);
        expect(note).toBe(owner);
      }
    });

    it('lasts by the clock of the database, and is renewed only by its owner', async () => {
      const [one, two, name] = [newId('run'), newId('run'), newName()];
      await ledger.leases.write(one, [want(name, { leaseMs: 1_000 })]);
      await overIn(name, 60_000);
      await other.leases.write(two, [want(name)]);
      expect(await ownerOf(name)).toBe(one);
      await ledger.leases.write(one, [want(name, { leaseMs: 90_000 })]);
      const left = (await other.leases.valid()).find((lease) => lease.name === name)!.leftMs;
      expect(left).toBeGreaterThan(60_000);
    });

    it("is nobody's when it is over, and then anybody may take it", async () => {
      const [one, two, name] = [newId('run'), newId('run'), newName()];
      await ledger.leases.write(one, [want(name)]);
      await overIn(name, -1);
      expect(await ownerOf(name)).toBeUndefined();
      await other.leases.write(two, [want(name)]);
      expect(await ownerOf(name)).toBe(two);
      await ledger.leases.write(one, [want(name)]);
      expect(await ownerOf(name)).toBe(two);
    });

    it('is free at once when its owner gives it up, which nobody else can do', async () => {
      const [one, two, name, kept] = [newId('run'), newId('run'), newName(), newName()];
      await ledger.leases.write(one, [want(name), want(kept)]);
      await other.leases.write(two, [want(name, { leaseMs: 0 })]);
      expect(await ownerOf(name)).toBe(one);
      await ledger.leases.write(one, [want(name, { leaseMs: 0 }), want(kept)]);
      expect(await ownerOf(name)).toBeUndefined();
      expect(await ownerOf(kept)).toBe(one);
      await other.leases.write(two, [want(name), want(kept)]);
      expect([await ownerOf(name), await ownerOf(kept)]).toEqual([two, one]);
    });

    it('of a dead owner ends when it is forgotten, and no other', async () => {
      const [dead, alive, name, kept] = [newId('run'), newId('run'), newName(), newName()];
      await ledger.leases.write(dead, [want(name)]);
      await ledger.leases.write(alive, [want(kept)]);
      await ledger.leases.forget([dead]);
      expect([await ownerOf(name), await ownerOf(kept)]).toEqual([undefined, alive]);
      await ledger.leases.forget([]);
      expect(await ownerOf(kept)).toBe(alive);
    });
  });
}
