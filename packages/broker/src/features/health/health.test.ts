import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createHealth, type CheckStatus, type HealthCheck } from './health.ts';

afterEach(() => void vi.useRealTimers());

const check = (name: string, needed: boolean, status: CheckStatus = 'ok', detail?: string): HealthCheck => ({
  ...{ name, needed, run: async () => ({ status, ...(detail === undefined ? {} : { detail }) }) },
});
const never = (name: string, needed: boolean): HealthCheck => ({
  ...{ name, needed, run: () => new Promise(() => {}) },
});
const statusOf = async (...checks: HealthCheck[]) => (await createHealth(() => checks).check()).status;

describe('the daemon', () => {
  it('is well when all its parts are, or when it has none', async () => {
    expect(await statusOf(check('database', true), check('redis', false))).toBe('ok');
    expect(await statusOf()).toBe('ok');
  });

  it('is down when a part is down that it cannot accept requests without', async () => {
    expect(await statusOf(check('redis', false), check('database', true, 'down'))).toBe('down');
  });

  it('is degraded when anything else is wrong', async () => {
    expect(await statusOf(check('database', true), check('redis', false, 'down'))).toBe('degraded');
    expect(await statusOf(check('database', true), check('redis', false, 'degraded'))).toBe('degraded');
    expect(await statusOf(check('database', true, 'degraded'))).toBe('degraded');
  });

  it('is exactly as well as its worst part allows', async () => {
    const part = fc.record({
      needed: fc.boolean(),
      status: fc.constantFrom<CheckStatus>('ok', 'degraded', 'down'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(part), async (parts) => {
        const status = await statusOf(...parts.map((one, i) => check(`part ${i}`, one.needed, one.status)));
        if (parts.some((one) => one.needed && one.status === 'down')) expect(status).toBe('down');
        else expect(status).toBe(parts.every((one) => one.status === 'ok') ? 'ok' : 'degraded');
      }),
    );
  });

  it('is down once it is stopping, however well it is, and says so', async () => {
    const health = createHealth(() => [check('database', true)]);
    expect((await health.check()).status).toBe('ok');
    health.stopping();
    expect(await health.check()).toEqual({
      status: 'down',
      checks: [
        { name: 'database', status: 'ok' },
        { name: 'daemon', status: 'down', detail: 'is stopping' },
      ],
    });
  });
});

describe('the checks', () => {
  it('are told in their order, with their details', async () => {
    const health = createHealth(() => [
      check('database', true),
      check('upstream a', false, 'down', 'connection refused'),
    ]);
    expect((await health.check()).checks).toEqual([
      { name: 'database', status: 'ok' },
      { name: 'upstream a', status: 'down', detail: 'connection refused' },
    ]);
  });

  it('that throw are down, and what they threw is told to nobody', async () => {
    const throwing: HealthCheck[] = [
      {
        ...{ name: 'later', needed: false },
        run: async () => {
          throw new Error('mysql://root:secret@db');
        },
      },
      {
        ...{ name: 'at once', needed: false },
        run: () => {
          throw new Error('secret');
        },
      },
    ];
    const { status, checks } = await createHealth(() => throwing).check();
    expect(status).toBe('degraded');
    expect(checks).toEqual([
      { name: 'later', status: 'down', detail: 'does not answer' },
      { name: 'at once', status: 'down', detail: 'does not answer' },
    ]);
  });

  it('that give no answer within two seconds are down, and hold no other one up', async () => {
    vi.useFakeTimers();
    const health = createHealth(() => [never('database', true), never('redis', false), check('a', false)]);
    let answer: Awaited<ReturnType<typeof health.check>> | undefined;
    void health.check().then((value) => (answer = value));
    await vi.advanceTimersByTimeAsync(1_999);
    expect(answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(answer).toEqual({
      status: 'down',
      checks: [
        { name: 'database', status: 'down', detail: 'does not answer' },
        { name: 'redis', status: 'down', detail: 'does not answer' },
        { name: 'a', status: 'ok' },
      ],
    });
  });

  it('are made anew each time and leave no timer behind', async () => {
    vi.useFakeTimers();
    let status: CheckStatus = 'down';
    const health = createHealth(() => [{ name: 'database', needed: true, run: async () => ({ status }) }]);
    expect((await health.check()).status).toBe('down');
    status = 'ok';
    expect((await health.check()).status).toBe('ok');
    expect(vi.getTimerCount()).toBe(0);
  });
});

it('looks at the parts there are at that moment', async () => {
  const parts = [check('database', true)];
  const health = createHealth(() => parts);
  expect((await health.check()).checks).toHaveLength(1);
  parts.push(check('upstream added later', false));
  expect((await health.check()).checks.map(({ name }) => name)).toEqual(['database', 'upstream added later']);
});
