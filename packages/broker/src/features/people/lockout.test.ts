/** Failed sign-ins on real databases: who waits, how long, and that many at once gain nothing. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../../testing/databases.ts';
import { createLockout, waitSeconds, type Lockout } from './lockout.ts';
import { loginFailureStore } from './login-failure-store.ts';
import { codeOf, movingClock } from './testing/some-people.ts';

it('the waits grow from nothing to a quarter of an hour', () => {
  expect(Array.from({ length: 16 }, (_, n) => waitSeconds(n))).toEqual([
    0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900,
  ]);
  expect(waitSeconds(5000)).toBe(900);
});

describe.each(DATABASES)('lockout on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('with its database', () => {
    const clock = movingClock();
    let lockout: Lockout;
    let address = 0;
    const elsewhere = (): string => `10.0.0.${++address}`;
    beforeAll(async () => {
      const { database } = await open();
      const pepper = createSecretKey(randomBytes(32));
      lockout = createLockout(loginFailureStore(database.sequelize), pepper, clock);
    });

    it('a person waits longer after each failure, wherever they come from', async () => {
      for (let failures = 1; failures <= 10; failures++) {
        await lockout.claim('ana', elsewhere());
        const leftMs = waitSeconds(failures) * 1000;
        if (leftMs === 0) continue;
        expect(await codeOf(lockout.claim('ana', elsewhere()))).toBe('blocked');
        clock.pass(leftMs - 1);
        expect(await codeOf(lockout.claim('ana', elsewhere()))).toBe('blocked');
        clock.pass(1);
      }
      await lockout.passed('ana', elsewhere());
      for (let i = 0; i < 3; i++) await lockout.claim('ana', elsewhere());
    });

    it('an address waits whoever it names, and others do not', async () => {
      const home = elsewhere();
      for (let i = 0; i < 4; i++) await lockout.claim(`guess-${i}`, home);
      expect(await codeOf(lockout.claim('guess-9', home))).toBe('blocked');
      expect(await codeOf(lockout.claim('guess-9', elsewhere()))).toBe('none');
    });

    it('a success does not wipe out the failures of its address', async () => {
      const home = elsewhere();
      for (let i = 0; i < 3; i++) await lockout.claim(`name-${i}`, home);
      await lockout.claim('own', home);
      await lockout.passed('own', home);
      await lockout.claim('name-4', home);
      expect(await codeOf(lockout.claim('name-5', home))).toBe('blocked');
    });

    it('many tries at once are no more than one after the other', async () => {
      const codes = await Promise.all(
        Array.from({ length: 40 }, () => codeOf(lockout.claim('bia', elsewhere()))),
      );
      expect(codes.filter((code) => code === 'none').length).toBeLessThanOrEqual(4);
      expect(new Set(codes)).toEqual(new Set(['none', 'blocked']));
    });

    it('failures are forgotten after an hour of quiet', async () => {
      for (let i = 0; i < 4; i++) await lockout.claim('caio', elsewhere());
      clock.pass(60 * 60_000);
      for (let i = 0; i < 3; i++) await lockout.claim('caio', elsewhere());
      clock.pass(2 * 60 * 60_000);
      expect(await lockout.forget()).toBeGreaterThan(0);
      expect(await lockout.forget()).toBe(0);
    });
  });
});
