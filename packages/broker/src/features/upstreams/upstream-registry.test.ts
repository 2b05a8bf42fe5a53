import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllamaOptions,
} from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { openDatabase, type Database } from '../../engines/database/database.ts';
import { up } from '../../engines/database/migrations/0004-upstreams.ts';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { WARM, hostOf, load, MODEL, roomOf, stopping, until } from './testing/rig.ts';
import { createUpstreamRegistry, type UpstreamRegistry } from './upstream-registry.ts';
import { upstreamStore, type UpstreamStore } from './upstream-store.ts';
import type { Upstreams } from './upstreams.ts';

const simulated = (options: SimulatedOllamaOptions = {}) =>
  stopping(startSimulatedOllama({ ...WARM, answerTokens: 5, slots: 4, ...options }));

let database: Database;
let dataDir: string;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'fila-upstreams-'));
  database = openDatabase({ databaseUrl: null, dataDir });
  await up({ queryInterface: database.sequelize.getQueryInterface(), dialect: 'sqlite' });
});
afterEach(async () => {
  await database.close();
  rmSync(dataDir, { recursive: true });
});

interface Room {
  readonly upstreams: Upstreams;
  readonly registry: UpstreamRegistry;
  readonly warnings: string[];
}

/** A broker's room on the one database of the test. */
async function room(
  settings: Parameters<typeof roomOf>[0],
  store: UpstreamStore = upstreamStore(database.sequelize),
): Promise<Room> {
  const upstreams = await roomOf(settings);
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
  const registry = createUpstreamRegistry({ store, upstreams, clock: systemClock, logger });
  onTestFinished(() => registry.stop());
  await registry.start();
  return { upstreams, registry, warnings };
}

describe('an operator', () => {
  it('adds an upstream, which is probed and takes calls at once', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const { registry, upstreams } = await room([first]);
    expect(await registry.add({ url: `${second.url}/`, slots: 2 })).toEqual({
      id: hostOf(second),
      url: second.url,
      source: 'database',
      status: 'up',
      since: expect.stringMatching(/Z$/),
      checked_at: expect.stringMatching(/Z$/),
      last_error: null,
      version: expect.stringMatching(/\d/),
      models: expect.arrayContaining([MODEL]),
      slots: 2,
      slots_auto: false,
      running: 0,
      enabled: true,
      draining: false,
      dispatched_by: null,
      breaker: 'auto',
      breakers: [],
      created_at: expect.stringMatching(/Z$/),
    });
    expect(registry.list().map(({ id, source }) => [id, source])).toEqual([
      [hostOf(first), 'settings'],
      [hostOf(second), 'database'],
    ]);
    expect(upstreams.free(MODEL)).toBe(6);
    await load(upstreams, { calls: 12, atOnce: 6 });
    expect(registry.get(hostOf(second)).breakers).toMatchObject([
      { model: MODEL, state: 'closed', running: 0, slots: 2, slots_changed: null },
    ]);
  });

  it('adds one that is down, and is told why', async () => {
    const { registry } = await room([await simulated()]);
    expect(await registry.add({ url: 'http://127.0.0.1:1' })).toMatchObject({
      ...{ status: 'down', slots: 1, slots_auto: true, version: null, models: [] },
      last_error: 'The upstream refused the connection.',
    });
  });

  it('cannot add one twice, nor one of the settings, nor one with a password', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const { registry } = await room([first]);
    await registry.add({ url: second.url });
    for (const url of [first.url, second.url])
      await expect(registry.add({ url })).rejects.toMatchObject({ code: 'conflict' });
    await expect(registry.add({ url: 'http://u:p@127.0.0.1:1' })).rejects.toMatchObject({
      code: 'validation_failed',
    });
    expect(registry.list()).toHaveLength(2);
  });

  it('changes slots and removes, but not what the settings name', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const { registry, upstreams } = await room([first]);
    const { id } = await registry.add({ url: second.url });
    expect(await registry.update(id, { slots: 3 })).toMatchObject({ slots: 3, slots_auto: false });
    expect(upstreams.free(MODEL)).toBe(7);
    expect(await registry.update(id, { slots: 'auto' })).toMatchObject({ slots: 1, slots_auto: true });
    expect(upstreams.free(MODEL)).toBe(5);
    expect(await registry.remove(id)).toMatchObject({ id, draining: true });
    expect(() => registry.get(id)).toThrow(expect.objectContaining({ code: 'not_found' }));
    expect(upstreams.free(MODEL)).toBe(4);
    for (const change of [registry.update(hostOf(first), { slots: 1 }), registry.remove(hostOf(first))])
      await expect(change).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is obeyed once what they wrote is committed, and never when it is not', async () => {
    const server = await simulated();
    const { registry, upstreams } = await room([server]);
    const id = hostOf(server);
    const undone = database.together(async () => {
      expect(await registry.switch(id, { isEnabled: false })).toMatchObject({ enabled: false });
      expect(await registry.decided(id)).toMatchObject({ isEnabled: false });
      expect(upstreams.free(MODEL)).toBe(4);
      throw new Error('no row in the audit trail');
    });
    await expect(undone).rejects.toThrow('no row');
    expect([upstreams.free(MODEL), registry.get(id).enabled]).toEqual([4, true]);
    await database.together(() => registry.switch(id, { isEnabled: false }));
    expect([upstreams.free(MODEL), registry.get(id).enabled]).toEqual([0, false]);
  });

  it('switches upstreams of both sources, which lasts over a restart', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const before = await room([first]);
    await before.registry.add({ url: second.url, slots: 4 });
    const [a, b] = [hostOf(first), hostOf(second)];
    expect(await before.registry.switch(a, { isDraining: true })).toMatchObject({ draining: true });
    expect(await before.registry.switch(a, { isDraining: true })).toMatchObject({ draining: true });
    expect(await before.registry.switch(b, { isEnabled: false })).toMatchObject({ enabled: false });
    expect(before.upstreams.free(MODEL)).toBe(0);
    await before.registry.stop();

    const { registry, upstreams } = await room([first]);
    expect(registry.list()).toMatchObject([
      { id: a, source: 'settings', draining: true, enabled: true, created_at: null },
      { id: b, source: 'database', draining: false, enabled: false },
    ]);
    expect(upstreams.free(MODEL)).toBe(0);
    await registry.switch(a, { isDraining: false });
    await registry.switch(b, { isEnabled: true });
    expect(upstreams.free(MODEL)).toBe(8);
    await registry.switch(b, { breaker: 'open' });
    expect(upstreams.free(MODEL)).toBe(4);
    expect(await registry.switch(b, { breaker: 'auto' })).toMatchObject({ breaker: 'auto' });
    expect(upstreams.free(MODEL)).toBe(8);
  });

  it('can add one that the settings name no more, whatever was switched there', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const before = await room([first, second]);
    await before.registry.switch(hostOf(second), { isEnabled: false });
    await before.registry.stop();
    const { registry } = await room([first]);
    expect(registry.list()).toHaveLength(1);
    expect(await registry.add({ url: second.url })).toMatchObject({ source: 'database', enabled: true });
  });

  it('is told when there is no such upstream', async () => {
    const { registry } = await room([await simulated()]);
    const missing = { code: 'not_found' };
    await expect(registry.switch('no:1', { isEnabled: false })).rejects.toMatchObject(missing);
    await expect(registry.update('no:1', { slots: 1 })).rejects.toMatchObject(missing);
    await expect(registry.remove('no:1')).rejects.toMatchObject(missing);
  });
});

describe('another broker on the same database', () => {
  it('sees every change within a second', async () => {
    const [first, second] = [await simulated(), await simulated()];
    const here = await room([first]);
    const there = await room([first]);
    const { id } = await here.registry.add({ url: second.url, slots: 4 });
    const within = async (isSeen: () => boolean): Promise<void> => {
      const started = performance.now();
      await until(isSeen);
      expect(performance.now() - started).toBeLessThan(1_000);
    };
    const seen = () => there.registry.list().find((one) => one.id === id);
    await within(() => seen()?.status === 'up' && there.upstreams.free(MODEL) === 8);
    await here.registry.update(id, { slots: 2 });
    await within(() => there.upstreams.free(MODEL) === 6);
    await here.registry.switch(id, { isDraining: true });
    await within(() => seen()?.draining === true && there.upstreams.free(MODEL) === 4);
    await here.registry.switch(id, { isDraining: false, isEnabled: false });
    await within(() => seen()?.enabled === false && there.upstreams.free(MODEL) === 4);
    await here.registry.switch(hostOf(first), { breaker: 'open' });
    await within(() => there.upstreams.free(MODEL) === 0);
    await here.registry.remove(id);
    await within(() => seen() === undefined);
  });

  it('is not woken by a table that has not changed', async () => {
    const real = upstreamStore(database.sequelize);
    let reads = 0;
    const all = () => {
      reads += 1;
      return real.all();
    };
    const { upstreams, registry } = await room([await simulated()], { ...real, all });
    await registry.add({ url: (await simulated()).url });
    let told = 0;
    upstreams.onFree(() => (told += 1));
    const before = reads;
    await until(() => reads >= before + 3);
    expect(told).toBe(0);
  });
});

describe('a database that is away', () => {
  it('changes nothing of what is known, is warned of once, and is read again', async () => {
    const real = upstreamStore(database.sequelize);
    let isAway = false;
    let reads = 0;
    const all = async () => {
      reads += 1;
      if (isAway) throw new Error('away');
      return real.all();
    };
    const second = await simulated();
    const { upstreams, registry, warnings } = await room([await simulated()], { ...real, all });
    const { id } = await registry.add({ url: second.url, slots: 4 });
    isAway = true;
    const before = reads;
    await until(() => reads >= before + 2);
    expect(upstreams.free(MODEL)).toBe(8);
    expect(warnings).toEqual(['upstreams cannot be read: those that are known stay']);
    await expect(registry.switch(id, { isEnabled: false })).rejects.toThrow('away');
    isAway = false;
    await real.change(id, { isEnabled: false });
    await until(() => upstreams.free(MODEL) === 4);
  });

  it('at the start leaves those of the settings, and says so once', async () => {
    const upstreams = await roomOf([await simulated()]);
    const real = upstreamStore(database.sequelize);
    const all = () => Promise.reject(new Error('away'));
    const lines: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void lines.push(message) };
    const registry = createUpstreamRegistry({
      store: { ...real, all },
      upstreams,
      clock: systemClock,
      logger,
    });
    await registry.start();
    await registry.stop();
    expect(lines).toEqual(['upstreams cannot be read: those that are known stay']);
    expect(registry.list()).toHaveLength(1);
  });
});
