/** The lifecycle is the one of the contract: every pair of states is one its vectors allow or forbid. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STATE, type State } from '../../engines/ledger/ledger.ts';
import type { RequestStatus } from '../../kernel/contract.generated.ts';
import { hasEnded, NEXT_STATES, statesOf, statusOf } from './request-states.ts';

interface Vector {
  readonly id: string;
  readonly given: { from?: RequestStatus; to?: RequestStatus; status?: RequestStatus };
  readonly expect: { allowed?: boolean; final?: boolean };
}

const VECTORS = new URL('../../../../php-bridge-spec/vectors/lifecycle.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { cases: Vector[] };
const STATES = Object.keys(STATE) as State[];

/** What a client may see follow: within the states of one status nothing seems to change. */
function mayFollow(from: RequestStatus, to: RequestStatus): boolean {
  return statesOf(from).some((state) => NEXT_STATES[state].some((next) => statusOf(next) === to));
}

describe('the lifecycle of a request', () => {
  it.each(cases)('$id', ({ given, expect: expected }) => {
    if (given.status) expect(hasEnded(given.status)).toBe(expected.final);
    else expect(mayFollow(given.from!, given.to!)).toBe(expected.allowed);
  });

  it('knows every state the ledger can hold, and leads from each to an end', () => {
    expect(Object.keys(NEXT_STATES).sort()).toEqual([...STATES].sort());
    for (const state of STATES) {
      const reached = new Set<State>([state]);
      for (const one of reached) for (const next of NEXT_STATES[one]) reached.add(next);
      expect([...reached].some(hasEnded)).toBe(true);
    }
  });

  it('shows a delayed request as pending, and finds both under pending', () => {
    expect(statusOf('delayed')).toBe('pending');
    expect(statesOf('pending')).toEqual(['pending', 'delayed']);
    for (const state of STATES) expect(statesOf(statusOf(state))).toContain(state);
  });
});
