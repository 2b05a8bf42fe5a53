/** The ledger behind its circuit: refuses at once while the database is away, and keeps no caller waiting for long. */
import { inTime } from '../../kernel/in-time.ts';
import type { Circuit } from '../circuit/circuit.ts';
import { rememberLanes } from './lane-book.ts';
import { LedgerUnavailable, type Ledger } from './ledger.ts';

const ANSWER_MS = 1_500;

/**
 * Calls that a client waits for end with `LedgerUnavailable` after `answerMs`, although the write may still happen.
 * Those of the worker are left the time that the ledger itself allows: a claim given up early would be nobody's.
 */
export function watchedLedger(
  ledger: Ledger,
  circuit: Pick<Circuit, 'isUp' | 'state' | 'open' | 'suspect'>,
  answerMs = ANSWER_MS,
): Ledger {
  async function watched<T>(call: () => Promise<T>): Promise<T> {
    if (!circuit.isUp) throw new LedgerUnavailable(circuit.state().why ?? '');
    try {
      return await call();
    } catch (error) {
      if (error instanceof LedgerUnavailable) circuit.open(error);
      throw error;
    }
  }

  function late(): Error {
    circuit.suspect();
    return new LedgerUnavailable('The database did not answer in time.');
  }

  const soon = <T>(call: () => Promise<T>): Promise<T> => inTime(watched(call), answerMs, late);
  const { lanes, sweeps, leases } = ledger;
  return {
    insert: (row) => soon(() => ledger.insert(row)),
    cancel: (id, keyId) => soon(() => ledger.cancel(id, keyId)),
    discard: (id, reason) => soon(() => ledger.discard(id, reason)),
    find: (id) => soon(() => ledger.find(id)),
    facts: (ids) => watched(() => ledger.facts(ids)),
    body: (id) => soon(() => ledger.body(id)),
    // Through all that is stored, in small steps, is no sign of a database that hangs.
    list: (filter) => (filter.isBare ? watched : soon)(() => ledger.list(filter)),
    usage: (range) => watched(() => ledger.usage(range)),
    attempts: (id) => soon(() => ledger.attempts(id)),
    waiting: (laneIds, most) => soon(() => ledger.waiting(laneIds, most)),
    line: (laneId, most) => soon(() => ledger.line(laneId, most)),
    // Remembered here and not behind the circuit: what is known needs no database.
    lanes: rememberLanes({
      idOf: (lane) => soon(() => lanes.idOf(lane)),
      nameOf: (id) => soon(() => lanes.nameOf(id)),
    }),
    claim: (claim) => watched(() => ledger.claim(claim)),
    settle: (settlement) => watched(() => ledger.settle(settlement)),
    renew: (owner, leaseMs, held) => watched(() => ledger.renew(owner, leaseMs, held)),
    leases: {
      write: (owner, wanted) => watched(() => leases.write(owner, wanted)),
      valid: () => watched(() => leases.valid()),
      forget: (owners) => watched(() => leases.forget(owners)),
    },
    checks: {
      find: () => watched(() => ledger.checks.find()),
      sealed: (after) => watched(() => ledger.checks.sealed(after)),
      mend: (rule) => watched(() => ledger.checks.mend(rule)),
    },
    check: () => watched(() => ledger.check()),
    sql: {
      ...ledger.sql,
      all: (text, values) => watched(() => ledger.sql.all(text, values)),
      lists: (text, values) => watched(() => ledger.sql.lists(text, values)),
      run: (text, values) => watched(() => ledger.sql.run(text, values)),
      together: (statements) => watched(() => ledger.sql.together(statements)),
    },
    sweeps: {
      lanesWithWork: (laneIds) => watched(() => sweeps.lanesWithWork(laneIds)),
      workOf: (queue, most) => watched(() => sweeps.workOf(queue, most)),
      lately: (sinceMs) => watched(() => sweeps.lately(sinceMs)),
      unfinished: () => watched(() => sweeps.unfinished()),
      wake: () => watched(() => sweeps.wake()),
      rescue: (dead, poisonError) => watched(() => sweeps.rescue(dead, poisonError)),
      heldBy: (owner) => watched(() => sweeps.heldBy(owner)),
      forgetIdempotencyKeys: (olderThanMs) => watched(() => sweeps.forgetIdempotencyKeys(olderThanMs)),
    },
    close: () => ledger.close(),
  };
}
