import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bandOf, DEFAULT_QUEUE, listOf, modelInFull } from './lanes.ts';

const lane = fc.record({
  queue: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
  band: fc.integer({ min: 0, max: 4 }),
  model: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,60}$/),
});

describe('the band of a priority', () => {
  it('joins two neighbours, the highest first', () => {
    const bands = Array.from({ length: 10 }, (_, priority) => bandOf(priority));
    expect(bands).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
  });
});

describe('the name of a list', () => {
  it('is made of letters any engine can store, short, and begins with the band', () => {
    fc.assert(
      fc.property(lane, (one) => {
        expect(listOf(one)).toMatch(/^b[0-4]-[0-9a-f]{24}$/);
        expect(listOf(one).slice(1, 2)).toBe(String(one.band));
      }),
    );
  });

  it('is the same for the same lane and another for every other', () => {
    fc.assert(
      fc.property(lane, lane, (one, other) => {
        const isSame = one.queue === other.queue && one.band === other.band && one.model === other.model;
        expect(listOf({ ...one })).toBe(listOf(one));
        expect(listOf(one) === listOf(other)).toBe(isSame);
      }),
    );
  });

  it('tells queue and model apart wherever one ends and the other begins', () => {
    expect(listOf({ queue: 'a', band: 0, model: 'bc' })).not.toBe(
      listOf({ queue: 'ab', band: 0, model: 'c' }),
    );
  });

  it('is one that every broker has given it: brokers of other versions share the lists', () => {
    expect(listOf({ queue: DEFAULT_QUEUE, band: 2, model: 'llama3:8b' })).toBe('b2-8741df8015a3fde77dce8118');
  });

  it('is still right after more lanes than are remembered', () => {
    const first = { queue: DEFAULT_QUEUE, band: 1, model: 'first' };
    const name = listOf(first);
    const names = new Set(
      Array.from({ length: 10_100 }, (_, i) => listOf({ ...first, model: `model-${i}` })),
    );
    expect(names.size).toBe(10_100);
    expect(listOf(first)).toBe(name);
  });
});

describe('the full name of a model', () => {
  it.each([
    ['llama3', 'llama3:latest'],
    ['llama3:8b', 'llama3:8b'],
    ['host:5000/library/x', 'host:5000/library/x:latest'],
    ['hf.co/User/Model:Q4', 'hf.co/User/Model:Q4'],
  ])('of %s is %s', (name, full) => {
    expect(modelInFull(name)).toBe(full);
  });
});
