import { describe, expect, it } from 'vitest';
import { affinityOf } from './affinity.ts';

describe('the affinity of a request', () => {
  it('is that of its session and key, whatever else the metadata say', () => {
    const one = affinityOf('key_1', { session_id: 's1', order: 1 });
    expect(one).toBe(affinityOf('key_1', { order: 2, session_id: 's1' }));
    expect(one).not.toBe(affinityOf('key_1', { session_id: 's2' }));
    expect(one).not.toBe(affinityOf('key_2', { session_id: 's1' }));
    expect(Number.isInteger(one) && one! >= 0 && one! < 2 ** 32).toBe(true);
  });

  it.each([null, {}, { session_id: '' }, { session_id: 7 }, { session: 's1' }])(
    'is none for %j',
    (metadata) => {
      expect(affinityOf('key_1', metadata)).toBeNull();
    },
  );
});
