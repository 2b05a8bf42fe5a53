/** API keys on the real store: who is accepted, when a change is seen, and what is never told or written too often. */
import { describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { newKeySecret } from './key-secret.ts';
import { openKeys, START } from './testing/keys-bench.ts';

describe('a key', () => {
  it('is accepted with its secret, as what was asked for, and shown without it ever after', async () => {
    const { here, clock, lines } = openKeys();
    const expires = new Date(START + 60_000).toISOString();
    const input = { name: 'Intranet', limit_minute: 5, limit_hour: 6, limit_day: 7, expires_at: expires };
    const { key, webhook_secret, ...shown } = await here.create(input);
    expect(shown).toMatchObject({ ...input, status: 'active', last_used_at: null, revoked_at: null });
    expect(shown.created_at).toBe(new Date(clock.nowMs).toISOString());
    expect(webhook_secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await here.accept(key)).toMatchObject({ id: shown.id, name: 'Intranet', limitDay: 7 });
    expect(await here.get(shown.id)).toEqual(shown);
    expect(await here.list({ limit: 1 })).toEqual([shown]);
    expect(lines.join()).not.toContain(key.slice(18));
  });

  it('is looked up once, and remembered for a second in which the answer is there at once', async () => {
    const { here, clock } = openKeys();
    const { id, key } = await here.create({ name: 'a' });
    expect(here.accept(key)).toBeInstanceOf(Promise);
    await here.accept(key);
    expect(here.accept(key)).toMatchObject({ id });
    clock.nowMs += 1_000;
    expect(here.accept(key)).toBeInstanceOf(Promise);
  });

  it('has no limits and no end unless they were asked for', async () => {
    const { here } = openKeys();
    const bare = await here.create({ name: 'bare' });
    expect(bare).toMatchObject({ limit_minute: 0, limit_hour: 0, limit_day: 0, expires_at: null });
  });

  it('is accepted with either secret while a rotation overlaps, and then with the new one alone', async () => {
    const { here, there, clock, lines } = openKeys();
    const { id, key: old, webhook_secret } = await here.create({ name: 'a' });
    await there.accept(old);
    const { key, ...rotated } = await here.rotate(id, { overlap_seconds: 60 });
    expect(key).not.toBe(old);
    expect(rotated).toEqual({
      ...(await here.get(id)),
      prefix: key.slice(0, 18),
      previous_secret_until: new Date(START + 60_000).toISOString(),
    });
    for (const broker of [here, there])
      for (const secret of [old, key]) expect(await broker.accept(secret)).toMatchObject({ id });
    clock.nowMs = START + 59_999;
    expect(await there.accept(old)).toMatchObject({ id });
    clock.nowMs = START + 60_000;
    for (const broker of [here, there]) {
      expect(await broker.accept(old)).toBeNull();
      expect(await broker.accept(key)).toMatchObject({ id });
    }
    expect((await here.get(id)).previous_secret_until).toBeNull();
    expect(await here.webhookSecretOf(id)).toBe(webhook_secret);
    expect(lines.join()).not.toContain(key.slice(18));
  });

  it('without an overlap is refused with its old secret at once here, and within a second elsewhere', async () => {
    const { here, there, clock } = openKeys();
    const { id, key: old } = await here.create({ name: 'a' });
    await there.accept(old);
    const { key } = await here.rotate(id, { overlap_seconds: 0 });
    expect(await here.accept(old)).toBeNull();
    clock.nowMs += 1_000;
    expect(await there.accept(old)).toBeNull();
    expect(await there.accept(key)).toMatchObject({ id });
  });

  it('that is rotated twice keeps only the last secret but one; revoked, it has none and is not rotated', async () => {
    const { here } = openKeys();
    const { id, key: first } = await here.create({ name: 'a' });
    const { key: second } = await here.rotate(id);
    const { key: third } = await here.rotate(id);
    expect(await here.accept(first)).toBeNull();
    expect(await here.accept(second)).toMatchObject({ id });
    await here.revoke(id);
    for (const secret of [second, third]) expect(await here.accept(secret)).toBeNull();
    await expect(here.rotate(id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(here.rotate(newId('key'))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is known once it was accepted, until the end of the run: who asks again is told by accept', async () => {
    const { here, there, asked } = openKeys();
    const { id, key } = await here.create({ name: 'a' });
    expect(here.knows(key)).toBe(false);
    await here.accept(key);
    await here.revoke(id);
    const before = asked.byHash;
    expect(here.knows(key)).toBe(true);
    expect([here.knows(newKeySecret()), here.knows('garbage'), there.knows(key)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(asked.byHash).toBe(before);
    expect(await here.accept(key)).toBeNull();
  });

  it('is not accepted when it is none: garbage does not even reach the database', async () => {
    const { here, asked } = openKeys();
    const { key } = await here.create({ name: 'a' });
    for (const garbage of ['', 'x', `${key}0`, key.slice(0, -1), key.replace('live', 'test')])
      expect(await here.accept(garbage)).toBeNull();
    expect(asked.byHash).toBe(0);
    expect(await here.accept(newKeySecret())).toBeNull();
    expect(asked.byHash).toBe(1);
  });

  it('is not accepted from the moment it expires, also while it is remembered', async () => {
    const { here, clock } = openKeys();
    const { key } = await here.create({ name: 'a', expires_at: new Date(START + 500).toISOString() });
    clock.nowMs = START + 499;
    expect(await here.accept(key)).not.toBeNull();
    clock.nowMs = START + 500;
    expect(await here.accept(key)).toBeNull();
  });

  it('cannot be made or changed to end in the past', async () => {
    const { here, clock } = openKeys();
    const { id } = await here.create({ name: 'a' });
    const past = { expires_at: new Date(clock.nowMs).toISOString() };
    const problem = { code: 'validation_failed', details: { errors: [{ pointer: '/expires_at' }] } };
    await expect(here.create({ name: 'b', ...past })).rejects.toMatchObject(problem);
    await expect(here.update(id, past)).rejects.toMatchObject(problem);
  });

  it('is changed in what is named only; null takes an end away', async () => {
    const { here } = openKeys();
    const end = new Date(START + 60_000).toISOString();
    const { id } = await here.create({ name: 'a', limit_day: 5, expires_at: end });
    expect(await here.update(id, { limit_minute: 9 })).toMatchObject({
      limit_minute: 9,
      limit_day: 5,
      name: 'a',
    });
    expect(await here.update(id, { name: 'b', expires_at: null })).toMatchObject({
      name: 'b',
      expires_at: null,
    });
  });

  it('that does not exist is not found, whatever one wants of it', async () => {
    const { here } = openKeys();
    for (const id of [newId('key'), newId('req'), "' OR 1=1 --", '']) {
      const notFound = { code: 'not_found' };
      await expect(here.get(id)).rejects.toMatchObject(notFound);
      await expect(here.update(id, { name: 'x' })).rejects.toMatchObject(notFound);
      await expect(here.suspend(id)).rejects.toMatchObject(notFound);
      await expect(here.revoke(id)).rejects.toMatchObject(notFound);
    }
  });
});

describe('a change of a key', () => {
  it('is seen here at once: suspended and revoked are refused, resumed is accepted', async () => {
    const { here } = openKeys();
    const { id, key } = await here.create({ name: 'a' });
    expect(await here.accept(key)).not.toBeNull();
    expect((await here.suspend(id)).status).toBe('suspended');
    expect(await here.accept(key)).toBeNull();
    expect((await here.resume(id)).status).toBe('active');
    expect(await here.accept(key)).not.toBeNull();
    expect(await here.revoke(id)).toMatchObject({
      status: 'revoked',
      revoked_at: new Date(START).toISOString(),
    });
    expect(await here.accept(key)).toBeNull();
  });

  it('is seen at once also by a check that was under way', async () => {
    const { here, before } = openKeys();
    const { id, key } = await here.create({ name: 'a' });
    const gate = Promise.withResolvers<void>();
    const read = Promise.withResolvers<void>();
    before.byHash = () => (read.resolve(), gate.promise);
    const underWay = here.accept(key);
    await read.promise;
    await here.revoke(id);
    before.byHash = async () => {};
    expect(await here.accept(key)).toBeNull();
    gate.resolve();
    await underWay;
    expect(await here.accept(key)).toBeNull();
  });

  it('by another broker is seen after a second', async () => {
    const { here, there, clock, asked } = openKeys();
    const { id, key } = await here.create({ name: 'a' });
    await here.accept(key);
    await there.revoke(id);
    clock.nowMs += 999;
    expect(await here.accept(key)).not.toBeNull();
    expect(asked.byHash).toBe(1);
    clock.nowMs += 1;
    expect(await here.accept(key)).toBeNull();
  });

  it('costs one read a second for all keys that are in use', async () => {
    const { here, there, clock, asked } = openKeys();
    const keys = await Promise.all(Array.from({ length: 30 }, (_, n) => here.create({ name: `key ${n}` })));
    const [idle, first, revoked, ...rest] = keys;
    for (const { key } of keys) await here.accept(key);
    clock.nowMs += 1_000;
    for (const { key } of keys.slice(1)) expect(await here.accept(key)).not.toBeNull();
    expect([asked.byHash, asked.byIds.map((ids) => ids.length)]).toEqual([30, [30]]);
    await there.revoke(revoked!.id);
    clock.nowMs += 1_000;
    expect(await here.accept(first!.key)).toMatchObject({ id: first!.id });
    expect(await here.accept(revoked!.key)).toBeNull();
    for (const { key, id } of rest) expect(await here.accept(key)).toMatchObject({ id });
    expect([asked.byHash, asked.byIds.map((ids) => ids.length)]).toEqual([30, [30, 29]]);
    expect(asked.byIds[1]).not.toContain(idle!.id);
    expect(await here.accept(idle!.key)).toMatchObject({ id: idle!.id });
    expect([asked.byHash, asked.byIds[2]]).toEqual([30, [idle!.id]]);
  });

  it('of a secret that was replaced is seen by who reads it again: good as long as it may be, and no longer', async () => {
    const { here, there, clock } = openKeys();
    const { id, key: old } = await here.create({ name: 'a' });
    expect(await here.accept(old)).toMatchObject({ id });
    const { key } = await there.rotate(id, { overlap_seconds: 2 });
    clock.nowMs += 1_000;
    expect(await here.accept(old)).toMatchObject({ id });
    expect(await here.accept(key)).toMatchObject({ id });
    clock.nowMs += 999;
    expect(await here.accept(old)).toMatchObject({ id });
    clock.nowMs += 1;
    expect(await here.accept(old)).toBeNull();
    expect(await here.accept(key)).toMatchObject({ id });
  });

  it('may be asked for twice: suspended stays suspended, active active, and revoked keeps its time', async () => {
    const { here, clock } = openKeys();
    const { id } = await here.create({ name: 'a' });
    expect((await here.resume(id)).status).toBe('active');
    for (let i = 0; i < 2; i++) expect((await here.suspend(id)).status).toBe('suspended');
    const revoked = await here.revoke(id);
    clock.nowMs += 5_000;
    expect(await here.revoke(id)).toEqual(revoked);
  });

  it('is a conflict when the key is revoked, for that is final', async () => {
    const { here } = openKeys();
    const { id } = await here.create({ name: 'a' });
    await here.revoke(id);
    for (const change of [here.suspend, here.resume, (one: string) => here.update(one, { name: 'b' })])
      await expect(change(id)).rejects.toMatchObject({ code: 'conflict' });
    expect(await here.get(id)).toMatchObject({ status: 'revoked', name: 'a' });
  });
});

describe('the memory of keys', () => {
  it('asks the database once a second and key, however many calls come', async () => {
    const { here, clock, asked } = openKeys();
    const { key } = await here.create({ name: 'a' });
    const unknown = newKeySecret();
    for (let i = 0; i < 3; i++) {
      await Promise.all(Array.from({ length: 20 }, (_, n) => here.accept(n % 2 ? key : unknown)));
      expect([asked.byHash, asked.byIds.length]).toEqual([2 + i, i]);
      clock.nowMs += 1_000;
    }
  });

  it('does not grow without end when somebody tries keys', { timeout: 60_000 }, async () => {
    const { here, asked } = openKeys();
    const { key } = await here.create({ name: 'a' });
    await here.accept(key);
    for (let i = 0; i < 20; i++)
      await Promise.all(Array.from({ length: 500 }, () => here.accept(newKeySecret())));
    const before = asked.byHash;
    expect(await here.accept(key)).not.toBeNull();
    expect(asked.byHash).toBe(before + 1);
  });

  it('forgets nothing it needs when the database fails: the next call asks again', async () => {
    const { here, before } = openKeys();
    const { key } = await here.create({ name: 'a' });
    before.byHash = () => Promise.reject(new Error('away'));
    await expect(here.accept(key)).rejects.toThrow('away');
    before.byHash = async () => {};
    expect(await here.accept(key)).not.toBeNull();
  });
});

describe('the last use of a key', () => {
  it('is written in one go, to the minute, and only for keys that were accepted', async () => {
    const { here, asked, clock } = openKeys();
    const keys = [await here.create({ name: 'a' }), await here.create({ name: 'b' })];
    const unused = await here.create({ name: 'unused' });
    await here.suspend(unused.id);
    for (const { key } of [...keys, unused]) for (let i = 0; i < 3; i++) await here.accept(key);
    clock.nowMs += 5_000;
    for (const { key } of keys) await here.accept(key);
    await here.start();
    await here.stop();
    const minute = START - (START % 60_000);
    expect(asked.noteUse).toEqual([new Map(keys.map(({ id }) => [id, minute]))]);
    expect((await here.get(keys[0]!.id)).last_used_at).toBe(new Date(minute).toISOString());
    expect((await here.get(unused.id)).last_used_at).toBeNull();
    await here.stop();
    expect(asked.noteUse).toHaveLength(1);
  });

  it('is kept for the next time when it could not be written', async () => {
    const { here, asked, before, lines } = openKeys();
    const { id, key } = await here.create({ name: 'a' });
    await here.accept(key);
    before.noteUse = () => Promise.reject(new Error('away'));
    await here.stop();
    expect(lines.at(-1)).toContain('could not be written');
    before.noteUse = async () => {};
    await here.stop();
    expect(asked.noteUse.map((uses) => [...uses.keys()])).toEqual([[id]]);
  });
});
