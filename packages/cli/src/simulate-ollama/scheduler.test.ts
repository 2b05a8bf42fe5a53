import { describe, expect, it } from 'vitest';
import type { InstalledModel } from './catalogue.ts';
import { createCatalogue } from './catalogue.ts';
import { runnerSettings } from './runner-settings.ts';
import type { Runner, Scheduler } from './scheduler.ts';
import { createScheduler } from './scheduler.ts';
import type { Settings } from './settings.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

const catalogue = createCatalogue(['a:1', 'b:1', 'c:1'].map((name) => ({ name })));
const model = (name: string): InstalledModel => catalogue.find(name)!;

interface Wish {
  numCtx?: number;
  shift?: boolean;
  keepAliveMs?: number;
  signal?: AbortSignal;
}

function schedule(changes: Partial<Settings> = {}) {
  const scheduler = createScheduler({ ...DEFAULT_SETTINGS, ...changes });
  const place = (name: string, { numCtx, shift, keepAliveMs, signal }: Wish = {}) =>
    scheduler.place({
      model: model(name),
      settings: runnerSettings({ num_ctx: numCtx }, shift, 8_192),
      keepAliveMs,
      signal: signal ?? new AbortController().signal,
    });
  return { scheduler, place };
}

const names = (scheduler: Scheduler) => scheduler.loaded().map((runner) => runner.model.name);
const asRunner = (placed: Runner | 'busy' | 'cancelled'): Runner => {
  if (typeof placed === 'string') throw new Error(placed);
  return placed;
};
const moment = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

describe('loading', () => {
  it('shows a model only when it is loaded', async () => {
    const { scheduler, place } = schedule({ loadMs: 10 });
    const placed = place('a:1');
    expect([names(scheduler), scheduler.loading()]).toEqual([[], 'a:1']);
    await placed;
    expect([names(scheduler), scheduler.loading()]).toEqual([['a:1'], undefined]);
  });

  it('loads one model at a time; a loaded one is served meanwhile', async () => {
    const { scheduler, place } = schedule({ loadMs: 20 });
    await place('a:1');
    const order: string[] = [];
    const note = (name: string) => (): void => void order.push(name);
    const [b, c] = [place('b:1').then(note('b')), place('c:1').then(note('c'))];
    await place('a:1').then(note('a'));
    expect([scheduler.loading(), scheduler.pending()]).toEqual(['b:1', 1]);
    await b;
    expect([scheduler.loading(), scheduler.pending()]).toEqual(['c:1', 0]);
    await c;
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('loads a model once for all who waited for it', async () => {
    const { scheduler, place } = schedule({ loadMs: 10 });
    const [one, other] = await Promise.all([place('a:1'), place('a:1')]);
    expect(one).toBe(other);
    expect(scheduler.activity()['a:1']?.loads).toBe(1);
  });

  it('is busy for a model that is not loaded when the queue is full, never for a loaded one', async () => {
    const { place } = schedule({ loadMs: 20, maxQueue: 1 });
    await place('a:1');
    const loads = place('b:1');
    const waits = place('c:1');
    expect(await place('c:1')).toBe('busy');
    expect(await place('a:1')).not.toBe('busy');
    expect(await loads).not.toBe('busy');
    expect(await waits).not.toBe('busy');
  });

  it('loses the load when its caller leaves, and loads again for the next', async () => {
    const { scheduler, place } = schedule({ loadMs: 30 });
    const leaving = new AbortController();
    const first = place('a:1', { signal: leaving.signal });
    const second = place('a:1');
    leaving.abort();
    expect(await first).toBe('cancelled');
    expect(asRunner(await second).model.name).toBe('a:1');
    expect(scheduler.activity()['a:1']).toMatchObject({ loads: 1, lostLoads: 1 });
  });

  it('skips a caller who left the queue, without a load', async () => {
    const { scheduler, place } = schedule({ loadMs: 10 });
    const leaving = new AbortController();
    const first = place('a:1');
    const second = place('b:1', { signal: leaving.signal });
    leaving.abort();
    await first;
    expect(await second).toBe('cancelled');
    expect(scheduler.activity()['b:1']).toBeUndefined();
  });
});

describe('reloading and evicting', () => {
  it('reloads for another num_ctx once the model is idle, and blocks other loads meanwhile', async () => {
    const { scheduler, place } = schedule();
    const old = asRunner(await place('a:1', { numCtx: 2_048 }));
    let isReloaded = false;
    const reloaded = place('a:1', { numCtx: 4_096 }).then((placed) => {
      isReloaded = true;
      return placed;
    });
    const behind = place('b:1');
    await moment(5);
    expect([isReloaded, names(scheduler)]).toEqual([false, ['a:1']]);
    scheduler.leave(old);
    expect(asRunner(await reloaded).settings.numCtx).toBe(4_096);
    await behind;
    expect(scheduler.activity()['a:1']).toMatchObject({ loads: 2, unloads: 1 });
  });

  it.each<[string, Wish, Wish, number]>([
    ['nobody asks for a size', {}, {}, 1],
    ['the size asked for is the one it has', {}, { numCtx: 4_096 }, 1],
    ['the size asked for is over what it was trained for', { numCtx: 8_192 }, { numCtx: 99_999 }, 1],
    ['an odd size was asked for before', { numCtx: 2_048 }, {}, 2],
    ['shift changes', {}, { shift: false }, 2],
    ['shift is said as it is', {}, { shift: true }, 1],
  ])('when %s', async (_when, first, second, loads) => {
    const { scheduler, place } = schedule();
    scheduler.leave(asRunner(await place('a:1', first)));
    await place('a:1', second);
    expect(scheduler.activity()['a:1']?.loads).toBe(loads);
  });

  it('evicts the idle model with the shortest keep-alive to make room', async () => {
    const { scheduler, place } = schedule({ maxLoaded: 2 });
    scheduler.leave(asRunner(await place('a:1', { keepAliveMs: 60_000 })));
    scheduler.leave(asRunner(await place('b:1', { keepAliveMs: 30_000 })));
    await place('c:1');
    expect(names(scheduler)).toEqual(['a:1', 'c:1']);
  });

  it('spares a busy model, even one with a shorter keep-alive', async () => {
    const { scheduler, place } = schedule({ maxLoaded: 2 });
    await place('a:1', { keepAliveMs: 1_000 });
    scheduler.leave(asRunner(await place('b:1', { keepAliveMs: 60_000 })));
    await place('c:1');
    expect(names(scheduler)).toEqual(['a:1', 'c:1']);
  });

  it('waits for a busy model when all are', async () => {
    const { scheduler, place } = schedule({ maxLoaded: 1 });
    const busy = asRunner(await place('a:1'));
    const waiting = place('b:1');
    await moment(5);
    expect(names(scheduler)).toEqual(['a:1']);
    scheduler.leave(busy);
    await waiting;
    expect(names(scheduler)).toEqual(['b:1']);
  });
});

describe('keeping a model', () => {
  it('unloads it when it was idle for its keep-alive, at once for 0, never for ever', async () => {
    const { scheduler, place } = schedule();
    scheduler.leave(asRunner(await place('a:1', { keepAliveMs: 15 })));
    scheduler.leave(asRunner(await place('b:1', { keepAliveMs: Number.POSITIVE_INFINITY })));
    scheduler.leave(asRunner(await place('c:1', { keepAliveMs: 0 })));
    expect(names(scheduler)).toEqual(['a:1', 'b:1']);
    await moment(40);
    expect(names(scheduler)).toEqual(['b:1']);
  });

  it('counts from the end of the last call, and the last call decides for all', async () => {
    const { scheduler, place } = schedule();
    const first = asRunner(await place('a:1', { keepAliveMs: 10 }));
    const second = asRunner(await place('a:1', { keepAliveMs: 60_000 }));
    scheduler.leave(first);
    await moment(25);
    expect(names(scheduler)).toEqual(['a:1']);
    scheduler.leave(second);
    const leftMs = scheduler.loaded()[0]!.expiresAtMs - Date.now();
    expect(leftMs).toBeGreaterThan(55_000);
    scheduler.leave(asRunner(await place('a:1')));
    expect(scheduler.loaded()[0]!.keepAliveMs).toBe(60_000);
  });

  it('keeps it for those who still run when others end', async () => {
    const { scheduler, place } = schedule();
    const first = asRunner(await place('a:1', { keepAliveMs: 0 }));
    const second = asRunner(await place('a:1'));
    scheduler.leave(first);
    expect(names(scheduler)).toEqual(['a:1']);
    scheduler.leave(second);
    expect(names(scheduler)).toEqual([]);
  });

  it('is 5 minutes when nobody says', async () => {
    const { place } = schedule();
    expect(asRunner(await place('a:1')).keepAliveMs).toBe(300_000);
  });

  it('unloads on demand: at once when idle, else after the call', async () => {
    const { scheduler, place } = schedule();
    const busy = asRunner(await place('a:1'));
    scheduler.leave(asRunner(await place('b:1')));
    scheduler.unload('a:1');
    scheduler.unload('b:1');
    expect(names(scheduler)).toEqual(['a:1']);
    scheduler.leave(busy);
    expect(names(scheduler)).toEqual([]);
  });
});

describe('the count of callers', () => {
  it('is the most that were there for a moment, not those who came and went', async () => {
    const { scheduler } = schedule();
    const leaving = new AbortController();
    const go = scheduler.arrive('a:1', new AbortController().signal);
    scheduler.arrive('a:1', new AbortController().signal);
    scheduler.arrive('a:1', leaving.signal);
    scheduler.arrive('a:1', new AbortController().signal)();
    leaving.abort();
    await moment(80);
    expect(scheduler.activity()['a:1']).toMatchObject({ maxCallers: 2 });
    go();
    scheduler.arrive('a:1', new AbortController().signal);
    await moment(80);
    expect(scheduler.activity()['a:1']).toMatchObject({ maxCallers: 2 });
  });
});
