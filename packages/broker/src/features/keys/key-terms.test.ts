/** From when on a key and its secrets are good, and what it may do: on the real store, seen by two brokers. */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../engines/database/database.ts';
import { temporaryDatabase } from '../../engines/ledger/testing/temporary-database.ts';
import { dataKeyStore } from '../../engines/vault/data-key-store.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { openVault } from '../../testing/open-vault.ts';
import { keyStore } from './key-store.ts';
import { createKeys } from './keys.ts';

const START = 1_800_000_030_000;

let database: Database;
let vault: Vault;
beforeAll(async () => {
  database = await temporaryDatabase();
  vault = await openVault(randomBytes(32), dataKeyStore(database.sequelize));
});

function open() {
  const clock = { nowMs: START, now: () => clock.nowMs };
  const store = keyStore(database.sequelize);
  const planLimits = async () => null;
  const [here, there] = [1, 2].map(() =>
    createKeys({ store, vault, planLimits, clock, logger: silentLogger }),
  );
  return { here: here!, there: there!, clock };
}

describe('a key', () => {
  it('whose rotation is to come goes on with the old secret, and with both from then until the overlap ends', async () => {
    const { here, there, clock } = open();
    const { id, key: old } = await here.create({ name: 'a' });
    const at = new Date(START + 3_600_000).toISOString();
    const { key, ...rotated } = await here.rotate(id, { overlap_seconds: 60, at });
    expect(rotated).toMatchObject({
      secret_valid_from: at,
      previous_secret_until: new Date(START + 3_660_000).toISOString(),
    });
    const accepted = async () =>
      Promise.all([old, key].map(async (secret) => (await there.accept(secret)) !== null));
    expect(await accepted()).toEqual([true, false]);
    clock.nowMs = START + 3_600_000;
    expect(await accepted()).toEqual([true, true]);
    clock.nowMs = START + 3_660_000;
    expect(await accepted()).toEqual([false, true]);
    expect(await here.get(id)).toMatchObject({ secret_valid_from: null, previous_secret_until: null });
  });

  it('whose rotation is to come is rotated otherwise: the secret in use stays, the one to come is gone', async () => {
    const { here } = open();
    const { id, key: old } = await here.create({ name: 'a' });
    const { key: never } = await here.rotate(id, { at: new Date(START + 1_000).toISOString() });
    const { key: now } = await here.rotate(id, { overlap_seconds: 60 });
    for (const secret of [old, now]) expect(await here.accept(secret)).toMatchObject({ id });
    expect(await here.accept(never)).toBeNull();
  });

  it('is rotated at a time to come, within 90 days', async () => {
    const { here } = open();
    const { id } = await here.create({ name: 'a' });
    for (const ms of [0, -1, 90 * 86_400_000 + 1])
      await expect(here.rotate(id, { at: new Date(START + ms).toISOString() })).rejects.toMatchObject({
        ...{ code: 'validation_failed', details: { errors: [{ pointer: '/at' }] } },
      });
  });

  it('is accepted from its first moment on, and expires after it', async () => {
    const { here, clock } = open();
    const [first, last] = [START + 10, START + 20].map((ms) => new Date(ms).toISOString());
    const { id, key } = await here.create({ name: 'a', not_before: first, expires_at: last });
    expect(await here.accept(key)).toBeNull();
    clock.nowMs += 10;
    expect(await here.accept(key)).toMatchObject({ id });
    await expect(here.update(id, { not_before: last })).rejects.toMatchObject({ code: 'validation_failed' });
    expect(await here.update(id, { not_before: null })).toMatchObject({ not_before: null, expires_at: last });
  });

  it('has all rights unless some are named; a change is seen within a second elsewhere', async () => {
    const { here, there, clock } = open();
    const rights = {
      ...{ scopes: ['requests:read' as const], allowed_models: ['llama3*'] },
      ...{ allowed_queues: ['night'], allowed_ips: ['10.0.0.0/8', '::1'] },
    };
    const all = { scopes: null, allowed_models: null, allowed_queues: null, allowed_ips: null };
    const { id, key, ...made } = await here.create({ name: 'a' });
    expect(made).toMatchObject(all);
    expect((await there.accept(key))!.rights.mayUseQueue('day')).toBe(true);
    expect(await here.update(id, rights)).toMatchObject(rights);
    expect((await here.accept(key))!.rights.mayUseQueue('day')).toBe(false);
    clock.nowMs += 1_000;
    expect((await there.accept(key))!.rights.hasScope('requests:write')).toBe(false);
    expect(await here.update(id, all)).toMatchObject(all);
    await expect(here.update(id, { allowed_ips: ['::1', 'home'] })).rejects.toMatchObject({
      ...{ code: 'validation_failed', details: { errors: [{ pointer: '/allowed_ips/1' }] } },
    });
  });
});
