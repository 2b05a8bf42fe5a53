import { describe, expect, it } from 'vitest';
import { memoryLimiter } from '../../engines/limiter/memory-limiter.ts';
import { NO_LIMITS, type KeyLimits } from '../../kernel/key-limits.ts';
import type { LimitedKey } from '../keys/keys.ts';
import { createRuleBook, type CallKind, type LimitSettings } from './call-rules.ts';
import { limitHeaders } from './limit-headers.ts';
import { refusalOf } from './refusal.ts';

const NOW = 1_800_000_000_000;
const NONE: LimitSettings = {
  ...{ addressLimitMinute: 0, wrongKeysMinute: 0, refusedCallsMinute: 0, writeLimitMinute: 0 },
  ...{ readLimitMinute: 0, adminLimitMinute: 0, maxQueued: 0 },
};
const keyWith = (limits: Partial<KeyLimits>): LimitedKey => ({
  ...{ id: 'key_1', name: 'shop', plan: null, expiresAt: null, ...NO_LIMITS, ...limits },
});

function open(settings: Partial<LimitSettings> = {}) {
  const book = createRuleBook({ ...NONE, ...settings });
  const clock = { nowMs: NOW, now: () => clock.nowMs };
  const limiter = memoryLimiter({ clock });
  async function call(kind: CallKind, key: LimitedKey | null, address = '10.0.0.1') {
    const { accounts, named } = book.of(kind, key, address);
    if (accounts.length === 0) return { headers: {}, refusal: null, verdict: null };
    const verdict = await limiter.decide(accounts);
    return {
      headers: limitHeaders(named, verdict, clock.now()) as Record<string, string | number>,
      refusal: refusalOf(named, verdict, () => 7_000),
      verdict,
    };
  }
  return { book, limiter, clock, call };
}

const namesOf = (settings: Partial<LimitSettings>, kind: CallKind, limits: Partial<KeyLimits>) =>
  open(settings)
    .book.of(kind, kind === 'admin' ? null : keyWith(limits), 'a')
    .named.map(({ name }) => name);

describe('the limits of a call', () => {
  it('are none where nothing is limited: the limiter is not even asked', () => {
    for (const kind of ['request', 'write', 'read', 'admin'] as const)
      expect(namesOf({ refusedCallsMinute: 300, wrongKeysMinute: 60 }, kind, {})).toEqual([]);
  });

  it('are those of its kind', () => {
    const settings = {
      addressLimitMinute: 9,
      writeLimitMinute: 8,
      readLimitMinute: 7,
      adminLimitMinute: 6,
      maxQueued: 5,
    };
    const limits = { limitMinute: 1, limitDay: 2, limitBurst: 3, limitTokensDay: 4, maxQueued: 5 };
    const own = ['minute', 'day', 'burst', 'tokens', 'queued'];
    expect(namesOf(settings, 'request', limits)).toEqual([...own, 'writes', 'queue', 'address']);
    expect(namesOf(settings, 'write', limits)).toEqual([...own, 'writes', 'address']);
    expect(namesOf(settings, 'read', limits)).toEqual([...own, 'reads', 'address']);
    expect(namesOf(settings, 'admin', limits)).toEqual(['admin', 'address']);
    expect(namesOf({ refusedCallsMinute: 9 }, 'read', { limitHour: 1 })).toEqual(['hour', 'penalty']);
  });

  it('a burst without a window to exceed is none', () => {
    expect(namesOf({}, 'request', { limitBurst: 5 })).toEqual([]);
  });

  it('no two counters of an account share a place', () => {
    const all = { limitMinute: 1, limitHour: 1, limitDay: 1, limitBurst: 1, limitTokensDay: 1, maxQueued: 1 };
    const { accounts } = open({ refusedCallsMinute: 1, maxQueued: 1 }).book.of('request', keyWith(all), 'a');
    for (const { rules } of accounts)
      expect(new Set(rules.map(({ place }) => place)).size).toBe(rules.length);
    expect(accounts[0]!.rules).toHaveLength(7);
  });
});

describe('reading', () => {
  it('is not refused when the key may send nothing more, counts nothing, and still says what is left', async () => {
    const { call } = open();
    const key = keyWith({ limitMinute: 2 });
    for (let i = 0; i < 2; i++) expect((await call('request', key)).refusal).toBeNull();
    for (let i = 0; i < 5; i++) {
      const { refusal, headers } = await call('read', key);
      expect(refusal).toBeNull();
      expect(headers).toMatchObject({ 'x-ratelimit-limit': 2, 'x-ratelimit-remaining': 0 });
    }
  });

  it('is refused at its own limit, which sending does not touch', async () => {
    const { call } = open({ readLimitMinute: 1 });
    const key = keyWith({});
    for (let i = 0; i < 3; i++) expect((await call('request', key)).refusal).toBeNull();
    expect((await call('read', key)).refusal).toBeNull();
    expect((await call('read', key)).refusal).toMatchObject({
      code: 'rate_limited',
      details: { limit: 'reads' },
    });
  });
});

describe('the headers', () => {
  it('name every limit, what is left of it and when some comes back; the X- ones tell of the tightest', async () => {
    const { call } = open({ maxQueued: 100 });
    const key = keyWith({
      limitMinute: 10,
      limitDay: 1000,
      limitBurst: 5,
      limitTokensDay: 400,
      maxQueued: 20,
    });
    const { headers } = await call('request', key);
    expect(headers).toEqual({
      'ratelimit-policy':
        '"minute";q=10;w=60, "day";q=1000;w=86400, "burst";q=5;w=30, "tokens";q=400;w=86400;qu="tokens", "queued";q=20;qu="concurrent-requests"',
      ratelimit: '"minute";r=9;t=61, "day";r=999;t=87840, "burst";r=4;t=6, "tokens";r=400, "queued";r=19',
      'x-ratelimit-limit': 5,
      'x-ratelimit-remaining': 4,
      'x-ratelimit-reset': NOW / 1000 + 6,
    });
  });
});

describe('a refusal', () => {
  it('says which limit it was, in words too, and a time after which the call passes', async () => {
    const { call, clock } = open();
    const key = keyWith({ limitMinute: 1, limitHour: 100 });
    await call('request', key);
    clock.nowMs += 20_500;
    const { refusal, headers } = await call('request', key);
    expect(refusal).toMatchObject({
      code: 'rate_limited',
      status: 429,
      details: { limit: 'minute', retryAfter: 41, detail: 'The key may send 1 requests in any 60 seconds.' },
    });
    expect(headers).toMatchObject({ 'x-ratelimit-limit': 1, 'x-ratelimit-remaining': 0 });
    clock.nowMs += 41_000;
    expect((await call('request', key)).refusal).toBeNull();
  });

  it('of a full queue is a 503 that says when a place may be free', async () => {
    const { call } = open({ maxQueued: 2 });
    const key = keyWith({});
    for (let i = 0; i < 2; i++) expect((await call('request', key)).refusal).toBeNull();
    const { refusal, headers } = await call('request', key);
    expect(refusal).toMatchObject({
      code: 'queue_full',
      status: 503,
      details: { retryAfter: 7, limit: 'queue' },
    });
    expect(headers).toEqual({});
  });

  it('too many of them block the key, whatever it does', async () => {
    const { call } = open({ refusedCallsMinute: 10 });
    const key = keyWith({ limitMinute: 1 });
    for (let i = 0; i < 11; i++) expect((await call('request', key)).refusal?.code).not.toBe('blocked');
    expect((await call('request', key)).refusal).toMatchObject({
      code: 'blocked',
      details: { retryAfter: 61 },
    });
    expect((await call('read', key)).refusal).toMatchObject({ code: 'blocked', status: 429 });
  });
});

describe('the end of a request', () => {
  it('frees its places and uses its tokens, which are refused when they are used up', async () => {
    const { book, limiter, call } = open({ maxQueued: 9 });
    const key = keyWith({ maxQueued: 1, limitTokensDay: 100 });
    await call('request', key);
    expect((await call('request', key)).refusal).toMatchObject({
      details: { limit: 'queued', retryAfter: 7 },
    });
    for (const account of book.ended('key_1', key, 250)) await limiter.count(account);
    expect((await call('request', key)).refusal).toMatchObject({
      details: { limit: 'tokens', detail: 'The key may use 100 tokens in any 24 hours.' },
    });
    expect((await limiter.decide([book.held])).states[0]!.used).toBe(0);
  });

  it('of a key without such limits is nothing to count', () => {
    expect(open().book.ended('key_1', keyWith({ limitMinute: 5 }), 250)).toEqual([]);
  });
});
