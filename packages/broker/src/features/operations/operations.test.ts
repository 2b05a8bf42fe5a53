import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { operationStore } from './operation-store.ts';
import { createOperations, type Operations, type OperationWork, type Task } from './operations.ts';

/** Things with numbers for names, two a page; counts how often each was done, and can be held up. */
function counting(count: number) {
  const names = Array.from({ length: count }, (_, n) => `thing_${String(count - n).padStart(4, '0')}`);
  const done = new Map<string, number>();
  const byWhom = new Map<string, string>();
  const gone = new Set<string>();
  let before: (id: string) => Promise<void> = async () => undefined;
  const run = async (task: Task, id: string): Promise<boolean> => {
    await before(id);
    if (byWhom.get(id) === task.id) return true;
    if (byWhom.has(id)) return false;
    byWhom.set(id, task.id);
    done.set(id, (done.get(id) ?? 0) + 1);
    return true;
  };
  const work: OperationWork = {
    page: async (task, after) => {
      const from = after === null ? 0 : names.indexOf(after) + 1;
      const some = names.slice(from, from + 2);
      const found = some.filter((id) => !gone.has(id));
      const steps = found.map((id) => ({ id, run: () => run(task, id) }));
      return { steps, reached: from + 2 < names.length ? some.at(-1)! : null };
    },
  };
  return {
    /** Those in `gone` are found no more. */
    ...{ work, names, done, byWhom, gone },
    /** Called before each step. */
    hold: (hook: typeof before) => (before = hook),
  };
}

describe.each(DATABASES)('operations on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('', () => {
    let engines: Engines;
    let count = 0;
    beforeAll(async () => {
      engines = await open();
    });

    const newKind = (): string => `kind_${(count += 1)}`;
    function room(
      kind: string,
      work: OperationWork,
      owner = newId('run'),
      deadOwners: readonly string[] = [],
    ) {
      const store = operationStore(engines.database.sequelize);
      const operations = createOperations({
        ...{ store, vault: engines.vault, logger: silentLogger, owner, deadOwners, kinds: { [kind]: work } },
      });
      return { operations, store, owner };
    }
    const order = (kind: string, rate = 1000) => ({
      kind,
      filter: { text: 'private' },
      reason: 'secret',
      rate,
    });
    const ended = (operations: Operations, id: string) =>
      expect.poll(async () => (await operations.get(id)).state, { timeout: 10_000 });

    it('does everything once, counts it, and says so', async () => {
      const things = counting(7);
      const kind = newKind();
      const { operations, store } = room(kind, things.work);
      await operations.start();
      const begun = await operations.begin(order(kind));
      expect(begun).toMatchObject({ kind, state: 'running', filter: { text: 'private' }, reason: 'secret' });
      await ended(operations, begun.id).toBe('completed');
      expect(await operations.get(begun.id)).toMatchObject({ matched: 7, done: 7, skipped: 0, rate: 1000 });
      expect([...things.done.values()]).toEqual(Array.from({ length: 7 }, () => 1));
      expect((await operations.get(begun.id)).ended_at).not.toBeNull();
      const { filter, reason } = (await store.byId(begun.id))!;
      for (const sealed of [filter, reason!]) expect(sealed.toString('latin1')).not.toMatch(/private|secret/);
      await operations.stop();
    });

    it('does everything once and counts it once when it breaks before it could note its progress', async () => {
      const things = counting(7);
      const kind = newKind();
      const { operations } = room(kind, things.work);
      armFailpoints('operations.before_save:error@1');
      onTestFinished(() => armFailpoints(''));
      await operations.start();
      const { id } = await operations.begin(order(kind));
      await ended(operations, id).toBe('completed');
      expect(await operations.get(id)).toMatchObject({ matched: 7, done: 7, skipped: 0 });
      expect([...things.done.values()]).toEqual(Array.from({ length: 7 }, () => 1));
      await operations.stop();
    });

    it('counts as skipped what somebody else did or took away meanwhile', async () => {
      const things = counting(6);
      const kind = newKind();
      const { operations } = room(kind, things.work);
      things.byWhom.set(things.names[3]!, 'somebody else');
      things.hold(async () => void things.gone.add(things.names[5]!));
      await operations.start();
      const { id } = await operations.begin(order(kind));
      await ended(operations, id).toBe('completed');
      expect(await operations.get(id)).toMatchObject({ matched: 6, done: 4, skipped: 2 });
      await operations.stop();
    });

    it('keeps to its rate', async () => {
      const things = counting(5);
      const kind = newKind();
      const { operations } = room(kind, things.work);
      const at: number[] = [];
      things.hold(async () => void at.push(performance.now()));
      await operations.start();
      const { id } = await operations.begin(order(kind, 10));
      await ended(operations, id).toBe('completed');
      expect(at.at(-1)! - at[0]!).toBeGreaterThan(380);
      await operations.stop();
    });

    it('stops when it is cancelled, with numbers that are right, and not twice', async () => {
      const things = counting(20);
      const kind = newKind();
      const { operations } = room(kind, things.work);
      const third = Promise.withResolvers<void>();
      things.hold(async (id) => {
        if (id === things.names[2]) third.resolve();
      });
      await operations.start();
      const { id } = await operations.begin(order(kind, 10));
      await third.promise;
      const cancelled = await operations.cancel(id);
      expect(cancelled).toMatchObject({ state: 'cancelled', matched: 20, done: things.done.size });
      expect(things.done.size).toBeLessThan(6);
      expect(await operations.cancel(id)).toEqual(cancelled);
      await operations.stop();
      const quick = room(kind, counting(0).work);
      await quick.operations.start();
      const empty = await quick.operations.begin(order(kind));
      await ended(quick.operations, empty.id).toBe('completed');
      await expect(quick.operations.cancel(empty.id)).rejects.toMatchObject({ code: 'conflict' });
      await expect(quick.operations.cancel(newId('op'))).rejects.toMatchObject({ code: 'not_found' });
      await quick.operations.stop();
    });

    it('is told by another broker to stop, too', async () => {
      const things = counting(40);
      const kind = newKind();
      const here = room(kind, things.work).operations;
      const there = room(newKind(), things.work).operations;
      await here.start();
      const { id } = await here.begin(order(kind, 10));
      await expect.poll(() => things.done.size).toBeGreaterThan(0);
      expect(await there.cancel(id)).toMatchObject({ state: 'cancelled' });
      // Once it has noticed, its numbers are those of what it did.
      const isRight = async (): Promise<boolean> => (await here.get(id)).done === things.done.size;
      await expect.poll(isRight, { timeout: 5_000 }).toBe(true);
      await here.stop();
      expect(await isRight()).toBe(true);
      expect(things.done.size).toBeLessThan(20);
    });

    it('goes on elsewhere when the broker stops, and nothing is done twice', async () => {
      const things = counting(12);
      const kind = newKind();
      const first = room(kind, things.work).operations;
      await first.start();
      const { id } = await first.begin(order(kind, 10));
      await expect.poll(() => things.done.size).toBeGreaterThan(1);
      await first.stop();
      expect(things.done.size).toBeLessThan(12);
      const second = room(kind, things.work).operations;
      await second.start();
      await ended(second, id).toBe('completed');
      expect(await second.get(id)).toMatchObject({ matched: 12, done: 12, skipped: 0 });
      expect([...things.done.values()].filter((times) => times !== 1)).toEqual([]);
      await second.stop();
    });

    it('goes on after a death that came before its progress was noted', async () => {
      const things = counting(9);
      const kind = newKind();
      const dead = newId('run');
      const { store } = room(kind, things.work, dead);
      const seal = (column: string, value: unknown): Buffer =>
        engines.vault.seal({ table: 'operations', row: id, column }, Buffer.from(JSON.stringify(value)));
      const id = newId('op');
      const taker = { owner: dead, deadOwners: [], leaseMs: 60_000 };
      await store.insert({ id, kind, rate: 1000, filter: seal('filter', {}), reason: null }, taker);
      // Counted, four done, and only the first two of them noted.
      await store.save(id, { matched: 9, done: 2, skipped: 0, reached: things.names[1]! }, taker);
      for (const name of things.names.slice(0, 4)) things.byWhom.set(name, id);

      const other = room(kind, things.work);
      expect(await store.free([kind], { ...taker, owner: other.owner })).toEqual([]);
      expect(await store.take(id, { ...taker, owner: other.owner })).toBeNull();
      const heir = room(kind, things.work, newId('run'), [dead]).operations;
      await heir.start();
      await ended(heir, id).toBe('completed');
      expect(await heir.get(id)).toMatchObject({ matched: 9, done: 9, skipped: 0 });
      expect([...things.done.keys()]).toEqual(things.names.slice(4));
      await heir.stop();
    });

    it('belongs to one of two brokers that reach for it', async () => {
      const kind = newKind();
      const { store } = room(kind, counting(0).work);
      const id = newId('op');
      const gone = { owner: newId('run'), deadOwners: [], leaseMs: -1 };
      await store.insert({ id, kind, rate: 1, filter: Buffer.from('x'), reason: null }, gone);
      await expect.poll(() => store.free([kind], { ...gone, owner: newId('run') })).toEqual([id]);
      const takers = Array.from({ length: 5 }, () => ({
        owner: newId('run'),
        deadOwners: [],
        leaseMs: 60_000,
      }));
      const taken = await Promise.all(takers.map((taker) => store.take(id, taker)));
      expect(taken.filter((one) => one !== null)).toHaveLength(1);
      const winner = takers[taken.findIndex((one) => one !== null)]!;
      const progress = { matched: 1, done: 0, skipped: 0, reached: null };
      expect(await store.save(id, progress, gone)).toBe(false);
      expect(await store.save(id, progress, winner)).toBe(true);
    });

    it('is tried again when its work fails', async () => {
      const things = counting(4);
      const kind = newKind();
      const { operations } = room(kind, things.work);
      let failures = 0;
      things.hold(async (id) => {
        if (id === things.names[2] && ++failures === 1) throw new Error('the database was away');
      });
      await operations.start();
      const { id } = await operations.begin(order(kind));
      await ended(operations, id).toBe('completed');
      expect(await operations.get(id)).toMatchObject({ matched: 4, done: 4 });
      expect([...things.done.values()].filter((times) => times !== 1)).toEqual([]);
      await operations.stop();
    });

    it('lists operations newest first, page by page, by state', async () => {
      const kind = newKind();
      const { operations } = room(kind, counting(0).work);
      const ids: string[] = [];
      for (let n = 0; n < 3; n++) ids.unshift((await operations.begin(order(kind))).id);
      const page = await operations.list({ limit: 2 });
      expect(page.items.map((one) => one.id)).toEqual(ids.slice(0, 2));
      expect((await operations.list({ limit: 1, cursor: page.next_cursor! })).items[0]!.id).toBe(ids[2]);
      // Among them is one whose filter cannot be decrypted.
      const running = await operations.list({ state: 'running' });
      expect(running.items.map((one) => one.id)).toEqual(expect.arrayContaining(ids));
      expect((await operations.list({ state: 'cancelled' })).items.map((one) => one.id)).not.toContain(
        ids[0],
      );
      await expect(operations.list({ cursor: 'x' })).rejects.toMatchObject({ code: 'invalid_cursor' });
    });
  });
});
