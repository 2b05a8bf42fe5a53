/** The log of all brokers, warnings and worse. For an operator: needs the admin token. */
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type { ListLogsQuery, LogLine, LogList } from '../types.generated.ts';

const LOGS = '/api/v1/admin/logs';

export interface Logs {
  /**
   * Lines of the log, newest first unless `order` says otherwise.
   * @example for await (const { time, message } of fila.logs.list({ level: 'error' })) console.log(time, message);
   */
  list(query?: ListLogsQuery, options?: CallOptions): Listing<LogLine, LogList>;
}

export function createLogs(send: Send): Logs {
  return {
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<LogList>({ method: 'GET', path: LOGS, as: 'admin', query: { ...query, cursor } }, options),
      ),
  };
}
