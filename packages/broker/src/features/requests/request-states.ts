/** The lifecycle of a request as data: which state may follow which. */
import type { RequestStatus } from '../../kernel/contract.generated.ts';
import type { State } from '../../engines/ledger/ledger.ts';

/**
 * A request is `pending` from the moment it was accepted. A worker that claims it makes it `processing`; from there it
 * ends (`completed`, `failed`, `expired`), or goes back: `pending` when it was handed back, `delayed` when it has to
 * wait for its next attempt. A client sees delayed as pending. `cancelled` and `expired` can come at any time before
 * the end. What has ended never changes again.
 */
export const NEXT_STATES: Readonly<Record<State, readonly State[]>> = {
  pending: ['processing', 'cancelled', 'expired'],
  delayed: ['pending', 'cancelled', 'expired'],
  processing: ['completed', 'failed', 'expired', 'delayed', 'pending', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
  expired: [],
};

export function hasEnded(state: State): boolean {
  return NEXT_STATES[state].length === 0;
}

/** What a client sees. */
export function statusOf(state: State): RequestStatus {
  return state === 'delayed' ? 'pending' : state;
}

/** The states a client's filter stands for. */
export function statesOf(status: RequestStatus): readonly State[] {
  return status === 'pending' ? ['pending', 'delayed'] : [status];
}
