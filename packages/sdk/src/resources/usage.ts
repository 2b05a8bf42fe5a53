/** What requests came to, hour by hour, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { Usage, UsageQuery } from '../types.generated.ts';

export interface UsageReport {
  /**
   * Requests, tokens and failures of the last 24 hours, or since a time; of all keys, or of one.
   * @example const { hours, total } = await fila.usage.get({ key: 'key_…' });
   */
  get(query?: UsageQuery, options?: CallOptions): FilaPromise<Usage>;
}

export function createUsage(send: Send): UsageReport {
  return {
    get: (query, options) =>
      send({ method: 'GET', path: '/api/v1/admin/usage', as: 'admin', query }, options),
  };
}
