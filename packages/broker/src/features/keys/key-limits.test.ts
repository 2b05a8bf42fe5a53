/** The limits of keys on the real store: their own, their plan's, and how soon a change is in force. */
import { describe, expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { NO_LIMITS, type KeyLimits } from '../../kernel/key-limits.ts';
import { openKeys } from './testing/keys-bench.ts';

describe('the limits of a key', () => {
  const gold: KeyLimits = { ...NO_LIMITS, limitMinute: 600, limitDay: 9_000, maxQueued: 50 };

  it('are its plan’s, unless it sets them itself; 0 is none', async () => {
    const { here, plans } = openKeys();
    plans.set('gold', gold);
    const { key, ...made } = await here.create({ name: 'a', plan: 'gold', limit_minute: 5, limit_day: 0 });
    expect(made).toMatchObject({
      plan: 'gold',
      limit_minute: 5,
      limit_hour: 0,
      limit_day: 0,
      max_queued: 50,
    });
    expect(made.inherited).toEqual([
      'limit_hour',
      'limit_burst',
      'limit_tokens_day',
      'max_queued',
      'max_concurrent',
      'weight',
    ]);
    expect(await here.accept(key)).toMatchObject({
      plan: 'gold',
      limitMinute: 5,
      limitDay: 0,
      maxQueued: 50,
    });
    expect(await here.limitsOf(made.id)).toMatchObject({ limitMinute: 5, maxQueued: 50 });
    const changed = await here.update(made.id, { limit_minute: null, limit_day: null, max_queued: 7 });
    expect(changed).toMatchObject({ limit_minute: 600, limit_day: 9_000, max_queued: 7 });
    expect(await here.update(made.id, { plan: null })).toMatchObject({
      plan: null,
      limit_minute: 0,
      max_queued: 7,
    });
  });

  it('follow a change of the plan at once, and are the same object as long as nothing changes', async () => {
    const { here, plans } = openKeys();
    plans.set('gold', gold);
    const { key, id } = await here.create({ name: 'a', plan: 'gold' });
    const before = await here.accept(key);
    expect(await here.accept(key)).toBe(before);
    plans.set('gold', { ...gold, limitMinute: 1 });
    expect(await here.accept(key)).toMatchObject({ limitMinute: 1 });
    expect(await here.limitsOf(id)).toMatchObject({ limitMinute: 1 });
  });

  it('are remembered for a second, and none for a key that does not exist', async () => {
    const { here, there, clock } = openKeys();
    const { id } = await there.create({ name: 'a', max_concurrent: 3 });
    expect(await here.limitsOf(id)).toMatchObject({ maxConcurrent: 3 });
    await there.update(id, { max_concurrent: 4 });
    expect(await here.limitsOf(id)).toMatchObject({ maxConcurrent: 3 });
    clock.nowMs += 1_000;
    expect(await here.limitsOf(id)).toMatchObject({ maxConcurrent: 4 });
    expect(await here.limitsOf(newId('key'))).toEqual(NO_LIMITS);
  });

  it('cannot be of a plan that does not exist', async () => {
    const { here } = openKeys();
    const refused = { code: 'validation_failed', details: { errors: [{ pointer: '/plan' }] } };
    await expect(here.create({ name: 'a', plan: 'silver' })).rejects.toMatchObject(refused);
    const { id } = await here.create({ name: 'a' });
    await expect(here.update(id, { plan: 'silver' })).rejects.toMatchObject(refused);
  });

  it('in the queue are told of keys that have such a limit, by themselves or by their plan', async () => {
    const { here, plans } = openKeys();
    plans.set('gold', gold);
    const [own, byPlan, lifted, none] = [
      await here.create({ name: 'a', max_queued: 1 }),
      await here.create({ name: 'b', plan: 'gold' }),
      await here.create({ name: 'c', plan: 'gold', max_queued: 0 }),
      await here.create({ name: 'd' }),
    ];
    const found = await here.limitedInQueue();
    expect(found).toEqual(expect.arrayContaining([own.id, byPlan.id]));
    expect(found).not.toContain(lifted.id);
    expect(found).not.toContain(none.id);
  });
});
