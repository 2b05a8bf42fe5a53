import { describe, expect, it } from 'vitest';
import { bytesOf, countOf, rateOf, resampled, signedRateOf, sinceOf, spanOf, sparkline } from './figures.ts';

describe('figures', () => {
  it.each([
    [0, '0.0s'],
    [840, '0.8s'],
    [9_999, '9.9s'],
    [41_000, '41s'],
    [192_000, '3m12'],
    [21_720_000, '6h02'],
    [2 * 86_400_000 + 3 * 3_600_000, '2d03h'],
    [41 * 86_400_000, '41d'],
    [-5, '0s'],
  ])('%i ms are %s', (ms, shown) => expect(spanOf(ms)).toBe(shown));

  it.each([
    [7, '7'],
    [999, '999'],
    [1_204, '1,204'],
    [12_040, '12.0k'],
    [999_499, '999k'],
    [1_250_000, '1.3M'],
  ])('%i is %s', (value, shown) => expect(countOf(value)).toBe(shown));

  it('rates have a sign only where one is asked for, and nothing is neither more nor less', () => {
    expect([rateOf(12.44), rateOf(130.2), rateOf(0)]).toEqual(['12.4', '130', '0.0']);
    expect([signedRateOf(3.1), signedRateOf(-2.5), signedRateOf(0.04), signedRateOf(-0.01)]).toEqual([
      ...['+3.1', '-2.5', '0.0', '0.0'],
    ]);
  });

  it('a clock that is behind shows no negative time', () => {
    expect(sinceOf('2026-01-01T00:00:05Z', Date.parse('2026-01-01T00:00:00Z'))).toBe('0.0s');
    expect([sinceOf(null, 0), sinceOf('nonsense', 0)]).toEqual(['-', '-']);
  });

  it('memory is in the unit that fits', () => {
    expect([bytesOf(150 * 1024 ** 2), bytesOf(1.5 * 1024 ** 3)]).toEqual(['150M', '1.5G']);
  });

  it('a series is gathered until it fits, the newest whole', () => {
    expect(resampled([1, 2, 3, 4, 5], 5)).toEqual([1, 2, 3, 4, 5]);
    expect(resampled([1, 2, 3, 4, 5], 3)).toEqual([1, 5, 9]);
    expect(resampled([], 3)).toEqual([]);
    expect(resampled([1], 0)).toEqual([]);
  });

  it('a sparkline shows nothing lowest, the most highest, and anything above nothing', () => {
    expect(sparkline([0, 1, 100], '▁▂▃▄▅▆▇█')).toBe('▁▂█');
    expect(sparkline([0, 0], '▁▂')).toBe('▁▁');
  });
});
