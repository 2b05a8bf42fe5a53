import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, parseMoment, relativeTime, rfc3339, shortDuration } from './units.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['365d', 31_536_000_000],
    ['2w', 1_209_600_000],
  ])('%s is %i ms', (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  it.each(['', '1', 'h', '1y', '-1h', '1.5h', '1 h', 'yesterday'])('refuses "%s"', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('parseMoment', () => {
  it.each([
    ['2027-01-01', '2027-01-01T00:00:00.000Z'],
    ['2027-01-01T14:00Z', '2027-01-01T14:00:00.000Z'],
    ['2027-01-01T14:00:05.5-03:00', '2027-01-01T17:00:05.500Z'],
  ])('reads %s', (text, iso) => {
    expect(rfc3339(parseMoment(text)!)).toBe(iso);
  });

  it.each(['2027-13-01', '2027-02-30', '2027-1-1', '2027-01-01T14:00', '01/02/2027', 'soon'])(
    'refuses "%s"',
    (text) => {
      expect(parseMoment(text)).toBeUndefined();
    },
  );

  it('reads back every time that the daemon may send', () => {
    const dates = fc.date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, (date) => {
        expect(parseMoment(date.toISOString())).toBe(date.getTime());
      }),
    );
  });
});

it('rfc3339 refuses a moment that cannot be written with four digits of a year', () => {
  expect(rfc3339(parseMoment('9999-12-31')! + 86_400_000)).toBeUndefined();
  expect(rfc3339(9e15)).toBeUndefined();
});

describe('relativeTime', () => {
  it.each([
    ['2026-11-20T12:00:00.400Z', 'now'],
    ['2026-11-20T11:59:18Z', '42s ago'],
    ['2026-11-20T11:57:00Z', '3m ago'],
    ['2026-11-20T07:00:00Z', '5h ago'],
    ['2026-11-18T12:00:00Z', '2d ago'],
    ['2026-12-25T12:00:00Z', 'in 35d'],
    ['not a time', 'not a time'],
  ])('%s is %s', (iso, words) => {
    expect(relativeTime(iso, NOW)).toBe(words);
  });
});

it.each([
  [840, '840ms'],
  [1234, '1.2s'],
  [185_000, '3m 05s'],
])('shortDuration of %i is %s', (durationMs, words) => {
  expect(shortDuration(durationMs)).toBe(words);
});
