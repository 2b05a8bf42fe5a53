/** The operator's list of the requests of all keys. */
import type { FastifyInstance } from 'fastify';
import type { ListAllRequestsQuery } from '../../kernel/contract.generated.ts';
import type { ListEntries } from './request-entries.ts';

export function entryRoutes(listEntries: ListEntries) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: ListAllRequestsQuery }>('/api/v1/admin/requests', {
      config: { access: 'admin' } as const,
      schema: {
        tags: ['admin'],
        operationId: 'listAllRequests',
        summary: 'List the requests of all keys, newest first',
        description: 'Nothing of what was asked, answered or noted with them.',
        querystring: { $ref: 'ListAllRequestsQuery#' },
        response: { 200: { description: 'One page.', $ref: 'RequestEntryList#' } },
      },
      handler: (request) => listEntries(request.query),
    });
  };
}
