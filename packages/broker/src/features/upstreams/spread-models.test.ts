import { describe, expect, it } from 'vitest';
import { isElsewhere, type Place } from './spread-models.ts';

const empty: Place = { isOpen: true, isLoaded: false, loaded: 0, verdict: { kind: 'free' } };
const closed = { ...empty, isOpen: false };
const loaded = { ...empty, isLoaded: true, loaded: 1 };
const other = { ...empty, loaded: 1 };
const soon: Place = { ...other, verdict: { kind: 'after', victim: 'x', isWanted: false } };
const later: Place = { ...other, verdict: { kind: 'wait', dueMs: 200 } };
const latest: Place = { ...other, verdict: { kind: 'wait', dueMs: 300 } };

describe('where a model runs, seen from each upstream', () => {
  it.each([
    { when: 'one has it loaded', given: [empty, loaded], then: [true, false] },
    { when: 'two have', given: [empty, loaded, loaded], then: [true, true, true] },
    {
      when: 'the one that has it is closed',
      given: [empty, { ...loaded, isOpen: false }],
      then: [false, true],
    },
    { when: 'one is empty', given: [other, empty, other], then: [true, false, true] },
    { when: 'nothing is in the way at one', given: [soon, other, later], then: [true, false, true] },
    { when: 'one gives way soonest', given: [later, soon], then: [true, false] },
    { when: 'all are in use', given: [latest, later], then: [true, false] },
    { when: 'all are closed', given: [closed, closed], then: [false, false] },
  ])('when $when', ({ given, then }) => {
    expect(isElsewhere(given)).toEqual(then);
  });
});
