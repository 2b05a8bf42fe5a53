/** The operator's routes of the requests of all keys: look, and cancel. */
import type { FastifyInstance } from 'fastify';
import type { ListAllRequestsQuery } from '../../kernel/contract.generated.ts';
import type { Act } from '../audit/audit.ts';
import type { RequestEntries } from './request-entries.ts';

const read = { access: 'admin', permission: 'requests.read' } as const;
const cancelling = {
  access: 'admin',
  permission: 'requests.cancel',
  act: { name: 'requests.cancel', kind: 'request' } satisfies Act,
} as const;
const ID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'Id of the request.' } },
};
const tags = ['admin'];

export function entryRoutes(entries: RequestEntries) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: ListAllRequestsQuery }>('/api/v1/admin/requests', {
      config: read,
      schema: {
        tags,
        operationId: 'listAllRequests',
        summary: 'List the requests of all keys, newest first',
        description: 'Nothing of what was asked, answered or noted with them.',
        querystring: { $ref: 'ListAllRequestsQuery#' },
        response: { 200: { description: 'One page.', $ref: 'RequestEntryList#' } },
      },
      handler: (request) => entries.list(request.query),
    });

    app.post<{ Params: { id: string } }>('/api/v1/admin/requests/:id/cancel', {
      config: cancelling,
      schema: {
        ...{ tags, operationId: 'cancelAnyRequest', summary: 'Cancel a request of any key', params: ID },
        response: { 200: { description: 'The request is cancelled.', $ref: 'RequestEntry#' } },
      },
      handler: (request) => entries.cancel(request.params.id),
    });
  };
}
