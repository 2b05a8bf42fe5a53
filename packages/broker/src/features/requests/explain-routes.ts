/** The route that says why a request is where it is, for operators. */
import type { FastifyInstance } from 'fastify';
import type { RequestExplanation } from '../../kernel/contract.generated.ts';

type WithId = { Params: { id: string } };

export function explainRoutes(explain: (id: string) => Promise<RequestExplanation>) {
  return (app: FastifyInstance): void => {
    app.get<WithId>('/api/v1/admin/requests/:id/explain', {
      config: { access: 'admin' } as const,
      schema: {
        tags: ['admin'],
        operationId: 'explainRequest',
        summary: 'Say where a request ran or would run, and what its timers are made of',
        params: {
          type: 'object',
          required: ['id'],
          properties: { id: { type: 'string', description: 'Id of the request, of any key.' } },
        },
        response: {
          200: { description: 'Nothing of the prompt but its size.', $ref: 'RequestExplanation#' },
        },
      },
      handler: (request) => explain(request.params.id),
    });
  };
}
