/** What limits a key now, and who is blocked, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { ExplainLimitsQuery, LiftedPenalty, LimitExplanation, PenaltyList } from '../types.generated.ts';

const LIMITS = '/api/v1/admin/limits';

export interface Limits {
  /**
   * All limits of a call of this key, what is left of each, and which one decides now. Counts nothing.
   * @example const { allowed, decided_by } = await fila.limits.explain({ key: 'key_…' });
   */
  explain(query: ExplainLimitsQuery, options?: CallOptions): FilaPromise<LimitExplanation>;
  /**
   * Keys and addresses that are blocked, or were of late.
   * @example const { items } = await fila.limits.penalties();
   */
  penalties(options?: CallOptions): FilaPromise<PenaltyList>;
  /**
   * Ends the block of a key or an address, and forgets it.
   * @example await fila.limits.lift('203.0.113.7');
   */
  lift(id: string, options?: CallOptions): FilaPromise<LiftedPenalty>;
}

export function createLimits(send: Send): Limits {
  return {
    explain: (query, options) =>
      send({ method: 'GET', path: `${LIMITS}/explain`, as: 'admin', query }, options),
    penalties: (options) => send({ method: 'GET', path: `${LIMITS}/penalties`, as: 'admin' }, options),
    lift: (id, options) =>
      send({ method: 'POST', path: `${LIMITS}/penalties/lift`, as: 'admin', body: { id } }, options),
  };
}
