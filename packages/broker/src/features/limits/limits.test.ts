/** The room as a whole: what it does by itself while time goes by. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { memoryLimiter } from '../../engines/limiter/memory-limiter.ts';
import { fail } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { LimitedKey } from '../keys/keys.ts';
import { createLimits } from './limits.ts';

const KEY: LimitedKey = { id: newId('key'), name: 'shop', plan: null, expiresAt: null, ...NO_LIMITS };

function open(
  more: {
    targetWaitMs?: number;
    wrongKeysMinute?: number;
    limits?: Partial<LimitedKey>;
    isPaused?: (queue: string) => boolean;
  } = {},
) {
  const clock = { nowMs: Date.now(), now: () => clock.nowMs };
  const key = { ...KEY, ...more.limits };
  const waiting: { oldest: string | null; targetMs?: number } = { oldest: null };
  const lines: string[] = [];
  const log = (_: object, message: string): void => void lines.push(message);
  const limits = createLimits({
    limiter: memoryLimiter({ clock }),
    keys: {
      limitsOf: async () => key,
      limitedInQueue: async () => [],
      get: async () => {
        throw fail('not_found');
      },
    },
    ledger: {
      find: async () => null,
      lanes: {
        nameOf: async () => ({ queue: 'q', keyId: key.id, band: 2, model: 'm' }),
      },
      sweeps: {
        lanesWithWork: async () => (waiting.oldest ? [{ laneId: 1, oldest: waiting.oldest }] : []),
        unfinished: async () => [],
        lately: async () => ({ sent: [], used: [] }),
      },
    },
    settings: {
      ...{ addressLimitMinute: 0, wrongKeysMinute: more.wrongKeysMinute ?? 0, refusedCallsMinute: 5 },
      ...{ writeLimitMinute: 0, readLimitMinute: 0, adminLimitMinute: 0, maxQueued: 0 },
      get targetWaitMs() {
        return waiting.targetMs ?? more.targetWaitMs ?? 0;
      },
    },
    ...{ isPaused: more.isPaused, clock, logger: { ...silentLogger, info: log, warn: log } },
  });
  onTestFinished(() => limits.stop());
  const send = async () =>
    (await limits.admit({ kind: 'request', key, ip: '10.0.0.1' })).refusal?.code ?? 'passed';
  return { limits, clock, key, waiting, lines, send };
}

describe('while requests wait too long', () => {
  it('in a queue that is paused, those of others are taken all the same', async () => {
    let looks = 0;
    const isPaused = (queue: string): boolean => {
      looks += 1;
      return queue === 'q';
    };
    const { limits, clock, waiting, send } = open({ targetWaitMs: 5_000, isPaused });
    waiting.oldest = newId('req', clock.nowMs - 60_000);
    await limits.start();
    await vi.waitFor(() => expect(looks).toBeGreaterThan(1), { timeout: 8_000, interval: 50 });
    expect(new Set(await Promise.all(Array.from({ length: 100 }, send)))).toEqual(new Set(['passed']));
  });

  it('all are taken at once when an operator says that waiting does not matter', async () => {
    const { limits, clock, waiting, send } = open({ targetWaitMs: 5_000 });
    const passed = async () => {
      const codes = await Promise.all(Array.from({ length: 50 }, send));
      return codes.filter((code) => code === 'passed').length;
    };
    waiting.oldest = newId('req', clock.nowMs);
    await limits.start();
    clock.nowMs += 60_000;
    await vi.waitFor(async () => expect(await passed()).toBeLessThan(40), { timeout: 8_000, interval: 200 });
    waiting.targetMs = 0;
    await vi.waitFor(async () => expect(await passed()).toBe(50), { timeout: 8_000, interval: 200 });
  });

  it('a part of them is refused, reading never; when they no longer do all are taken again', async () => {
    const { limits, clock, key, waiting, lines, send } = open({ targetWaitMs: 5_000 });
    const share = async () => {
      const codes = await Promise.all(Array.from({ length: 100 }, send));
      return codes.filter((code) => code === 'passed').length;
    };
    waiting.oldest = newId('req', clock.nowMs);
    await limits.start();
    expect(await share()).toBe(100);
    clock.nowMs += 5_001;
    await vi.waitFor(async () => expect(await share()).toBeLessThan(70), { timeout: 8_000, interval: 200 });
    expect(await send()).toMatch(/passed|overloaded/);
    for (let i = 0; i < 20; i++)
      expect((await limits.admit({ kind: 'read', key, ip: '10.0.0.1' })).refusal).toBeNull();
    expect(lines).toContain('requests wait too long: only a part is accepted');
    const low = await share();
    waiting.oldest = null;
    await vi.waitFor(async () => expect(await share()).toBeGreaterThan(low), {
      timeout: 8_000,
      interval: 200,
    });
  });
});

describe('requests that come together', () => {
  it('count each, are refused whole when they do not fit, and then nothing is counted', async () => {
    const { limits, key, send } = open({ limits: { limitMinute: 100, limitBurst: 5, maxQueued: 80 } });
    expect(await limits.admitTogether(key, 60)).toBeNull();
    const full = await limits.admitTogether(key, 30);
    expect(full).toMatchObject({ code: 'rate_limited', details: { limit: 'queued' } });
    limits.giveBack(key, 60);
    expect(await limits.admitTogether(key, 41)).toMatchObject({ details: { limit: 'minute' } });
    expect(await limits.admitTogether(key, 39)).toBeNull();
    expect(await send()).toBe('passed');
    expect(await send()).toBe('rate_limited');
  });

  it('that can never fit are told so, without a time to try again', async () => {
    const { limits, key } = open({ limits: { limitHour: 50, maxQueued: 20 } });
    const refusal = await limits.admitTogether(key, 51);
    expect(refusal?.details.detail).toBe('The key may send 50 requests in any hour. 51 together never fit.');
    expect(refusal?.details.retryAfter).toBeUndefined();
    expect((await limits.admitTogether(key, 21))?.details.limit).toBe('queued');
    expect(await limits.admitTogether(key, 20)).toBeNull();
  });
});

describe('penalties', () => {
  it('of a key are listed with its id, said once in the log, and lifted', async () => {
    const { limits, key, lines, send } = open({ limits: { limitMinute: 1 } });
    for (let i = 0; i < 30; i++) await send();
    expect(await send()).toBe('blocked');
    expect(await limits.penalties()).toMatchObject([{ id: key.id, kind: 'key', level: 1, blocked: true }]);
    expect(lines.filter((line) => line.startsWith('blocked'))).toHaveLength(1);
    expect(await limits.lift(key.id)).toEqual({ id: key.id, kind: 'key' });
    expect(await limits.penalties()).toEqual([]);
    expect(await send()).toBe('rate_limited');
  });

  it('of an address hold for all of its network, and end by themselves', async () => {
    const { limits, clock } = open({ wrongKeysMinute: 3 });
    const codes: (string | undefined)[] = [];
    for (let i = 1; i <= 5; i++) codes.push((await limits.wrongKey(`2001:db8:1:2::${i}`))?.code);
    expect(codes).toEqual([undefined, undefined, undefined, 'blocked', 'blocked']);
    expect(limits.refusalOfAddress('2001:db8:1:2:ffff::')?.details.retryAfter).toBe(60);
    expect(limits.refusalOfAddress('2001:db8:1:3::1')).toBeNull();
    clock.nowMs += 60_000;
    expect(limits.refusalOfAddress('2001:db8:1:2::1')).toBeNull();
    expect(await limits.penalties()).toMatchObject([{ id: '2001:db8:1:2::/64', blocked: false, level: 1 }]);
    await limits.lift('2001:db8:1:2::/64');
    await expect(limits.lift('2001:db8:1:2::1')).rejects.toMatchObject({ code: 'not_found' });
  });
});
