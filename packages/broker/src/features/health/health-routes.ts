/** Whether the daemon lives, and whether it may be given work. */
import type { FastifyInstance } from 'fastify';
import manifest from '../../../package.json' with { type: 'json' };
import type { Readiness } from '../../kernel/contract.generated.ts';
import type { Health } from './health.ts';

export function healthRoutes(health: Health) {
  return (app: FastifyInstance): void => {
    const tags = ['health'];
    app.get('/livez', {
      config: { access: 'anyone' },
      schema: {
        tags,
        operationId: 'getLiveness',
        summary: 'Is the process alive',
        security: [],
        response: { 200: { description: 'It is.', $ref: 'Liveness#' } },
      },
      handler: async () => ({ status: 'ok' }),
    });
    app.get<{ Querystring: { verbose?: string } }>('/readyz', {
      config: { access: 'anyone' },
      schema: {
        tags,
        operationId: 'getReadiness',
        summary: 'May it be given work',
        security: [],
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: { verbose: { type: 'string', description: 'Present: with every check.' } },
        },
        response: {
          200: { description: 'Requests are accepted.', $ref: 'Readiness#' },
          503: { description: 'Requests are not accepted now.', $ref: 'Readiness#' },
        },
      },
      handler: async (request, reply): Promise<Readiness> => {
        const { status, checks } = await health.check();
        if (status === 'down') void reply.code(503).header('retry-after', 1);
        return request.query.verbose === undefined
          ? { status }
          : { status, version: manifest.version, checks };
      },
    });
  };
}
