import { describe, expect, it } from 'vitest';
import { createFaults } from './faults.ts';

describe('createFaults', () => {
  it('brings none unless told to', () => {
    expect(createFaults(1).choose('hello')).toBeUndefined();
  });

  it('prefers the marker of the prompt, then the next in line, then the one for all', () => {
    const faults = createFaults(1);
    faults.apply({ next: [{ fault: 'reset', times: 2 }, { fault: 'html' }], all: 'error_500' });
    expect(faults.choose('please [[fault:no_done]]')).toBe('no_done');
    expect([1, 2, 3, 4, 5].map(() => faults.choose('hello'))).toEqual([
      'reset',
      'reset',
      'html',
      'error_500',
      'error_500',
    ]);
  });

  it('ignores a marker that names no fault', () => {
    expect(createFaults(1).choose('[[fault:flood]] [[fault:toString]]')).toBeUndefined();
  });

  it('draws by chance, the same for the same seed', () => {
    const draw = (seed: number) => {
      const faults = createFaults(seed);
      faults.apply({ probability: { error_500: 0.2, reset: 0.1 } });
      return Array.from({ length: 1_000 }, () => faults.choose(''));
    };
    const drawn = draw(5);
    expect(draw(5)).toEqual(drawn);
    expect(draw(6)).not.toEqual(drawn);
    const count = (fault: string) => drawn.filter((one) => one === fault).length;
    expect(count('error_500')).toBeGreaterThan(150);
    expect(count('error_500')).toBeLessThan(250);
    expect(count('reset')).toBeGreaterThan(60);
    expect(count('reset')).toBeLessThan(140);
  });

  it('keeps what a patch leaves out', () => {
    const faults = createFaults(1);
    faults.apply({ all: 'html' });
    faults.apply({ next: [{ fault: 'reset' }] });
    expect(faults.view()).toEqual({ next: [{ fault: 'reset', times: 1 }], all: 'html', probability: {} });
    faults.apply({ all: null });
    expect(faults.view().all).toBeNull();
  });
});
