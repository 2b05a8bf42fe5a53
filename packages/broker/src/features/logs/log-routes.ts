/** The route of the log, for operators. */
import type { FastifyInstance } from 'fastify';
import type { ListLogsQuery } from '../../kernel/contract.generated.ts';
import type { Logs } from './logs.ts';

export function logRoutes(logs: Pick<Logs, 'list'>) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: ListLogsQuery }>('/api/v1/admin/logs', {
      config: { access: 'admin', permission: 'logs.read' },
      schema: {
        ...{ tags: ['admin'], operationId: 'listLogs', summary: 'Search warnings and worse of all brokers' },
        querystring: { $ref: 'ListLogsQuery#' },
        response: { 200: { description: 'One page.', $ref: 'LogList#' } },
      },
      handler: (request) => logs.list(request.query),
    });
  };
}
