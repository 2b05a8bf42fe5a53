/** The route that tells all that happened to a request, for operators. */
import type { FastifyInstance } from 'fastify';
import type { RequestTrace } from '../../kernel/contract.generated.ts';

type WithId = { Params: { id: string } };

export function traceRoutes(trace: (id: string) => Promise<RequestTrace>) {
  return (app: FastifyInstance): void => {
    app.get<WithId>('/api/v1/admin/requests/:id/trace', {
      config: { access: 'admin', permission: 'traces.read' },
      schema: {
        tags: ['admin'],
        operationId: 'traceRequest',
        summary: 'Tell everything that happened to a request, in the order of time',
        params: {
          type: 'object',
          required: ['id'],
          properties: { id: { type: 'string', description: 'Id of the request, of any key.' } },
        },
        response: { 200: { description: 'Nothing of its content.', $ref: 'RequestTrace#' } },
      },
      handler: (request) => trace(request.params.id),
    });
  };
}
