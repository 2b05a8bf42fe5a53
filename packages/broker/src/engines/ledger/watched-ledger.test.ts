import { describe, expect, it } from 'vitest';
import type { Ledger, NewRow, Settlement } from './ledger.ts';
import { LedgerUnavailable } from './ledger.ts';
import { watchedLedger } from './watched-ledger.ts';

/** A ledger whose every write and read does what `answer` does. */
function scene() {
  const state = {
    isUp: true,
    opened: 0,
    suspected: 0,
    asked: 0,
    answer: async (): Promise<unknown> => 'done',
  };
  const call = (): Promise<never> => {
    state.asked += 1;
    return state.answer() as Promise<never>;
  };
  const calls = new Proxy(
    {},
    { get: (_target, name) => (name === 'lanes' || name === 'sweeps' ? calls : call) },
  );
  const circuit = {
    get isUp() {
      return state.isUp;
    },
    state: () => ({ name: 'database', isUp: state.isUp, since: 0, why: 'gone' }),
    open: () => void (state.opened += 1),
    suspect: () => void (state.suspected += 1),
  };
  return { state, ledger: watchedLedger(calls as Ledger, circuit, 20) };
}

const row = {} as NewRow;
const settlement = {} as Settlement;

describe('the watched ledger', () => {
  it('refuses at once while the database is away, without asking it', async () => {
    const { state, ledger } = scene();
    state.isUp = false;
    const calls = [
      ledger.insert(row),
      ledger.find(''),
      ledger.settle(settlement),
      ledger.sweeps.wake(),
      ledger.lanes.nameOf(1),
    ];
    for (const one of calls) await expect(one).rejects.toThrow(LedgerUnavailable);
    expect(state.asked).toBe(0);
  });

  it('opens the circuit when the database proves to be away, and for no other error', async () => {
    const { state, ledger } = scene();
    state.answer = () => Promise.reject(new Error('a constraint'));
    await expect(ledger.insert(row)).rejects.toThrow('a constraint');
    expect(state.opened).toBe(0);
    state.answer = () => Promise.reject(new LedgerUnavailable('gone'));
    await expect(ledger.settle(settlement)).rejects.toThrow(LedgerUnavailable);
    expect(state.opened).toBe(1);
  });

  it('keeps no client waiting, but leaves the worker the time of the ledger', async () => {
    const { state, ledger } = scene();
    const slow = Promise.withResolvers<string>();
    state.answer = () => slow.promise;
    const claim = ledger.claim({ laneId: 1, limit: 1, owner: '', leaseMs: 1 });
    for (const one of [ledger.insert(row), ledger.find(''), ledger.cancel('', ''), ledger.lanes.nameOf(1)])
      await expect(one).rejects.toThrow(LedgerUnavailable);
    expect([state.opened, state.suspected]).toEqual([0, 4]);
    slow.resolve('claimed');
    expect(await claim).toBe('claimed');
  });
});
