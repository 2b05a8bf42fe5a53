/** The operator's route to usage. */
import type { FastifyInstance } from 'fastify';
import type { UsageQuery } from '../../kernel/contract.generated.ts';
import type { CountUsage } from './usage.ts';

export function usageRoutes(countUsage: CountUsage) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: UsageQuery }>('/api/v1/admin/usage', {
      config: { access: 'admin', permission: 'usage.read' } as const,
      schema: {
        tags: ['admin'],
        operationId: 'getUsage',
        summary: 'Count requests, tokens and failures by the hour',
        querystring: { $ref: 'UsageQuery#' },
        response: { 200: { description: 'Every hour since then.', $ref: 'Usage#' } },
      },
      handler: (request) => countUsage(request.query),
    });
  };
}
