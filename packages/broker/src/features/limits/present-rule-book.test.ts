import { describe, expect, it } from 'vitest';
import type { LimitSettings } from './call-rules.ts';
import { presentRuleBook } from './present-rule-book.ts';

const NONE: LimitSettings = {
  ...{ addressLimitMinute: 0, wrongKeysMinute: 0, refusedCallsMinute: 0, writeLimitMinute: 0 },
  ...{ readLimitMinute: 0, adminLimitMinute: 0, maxQueued: 0 },
};

describe('the present rule book', () => {
  it('has the limits that the settings have when it is asked', () => {
    const settings = { ...NONE };
    const book = presentRuleBook(settings);
    const limits = () => book.of('admin', null, '10.0.0.1').named.map(({ name, limit }) => [name, limit]);
    expect(limits()).toEqual([]);
    expect(book.wrongKey('10.0.0.1')).toBeNull();
    Object.assign(settings, { adminLimitMinute: 5, addressLimitMinute: 9, wrongKeysMinute: 3 });
    expect(limits()).toEqual([
      ['admin', 5],
      ['address', 9],
    ]);
    expect(book.wrongKey('10.0.0.1')).not.toBeNull();
    settings.adminLimitMinute = 0;
    expect(limits()).toEqual([['address', 9]]);
  });

  it('makes the same rules for the same settings, which the limiter remembers', () => {
    const book = presentRuleBook({ ...NONE, addressLimitMinute: 9 });
    const [first, second] = [1, 2].map(() => book.of('read', null, '10.0.0.1').accounts[0]!.rules);
    expect(first).toBe(second);
  });
});
