/** The operator's routes to the verification. */
import type { FastifyInstance } from 'fastify';
import type { Verify } from './verify.ts';

export function verifyRoutes(verify: Verify) {
  return (app: FastifyInstance): void => {
    const schema = (operationId: string, summary: string) => ({
      tags: ['admin'],
      operationId,
      summary,
      response: { 200: { description: 'What was found.', $ref: 'Verification#' } },
    });
    app.get('/api/v1/admin/verify', {
      config: { access: 'admin', permission: 'verify.read' },
      schema: schema('verify', 'Look whether everything that is stored fits together'),
      handler: () => verify.run({ fix: false }),
    });
    app.post('/api/v1/admin/verify/fix', {
      config: { access: 'admin', permission: 'verify.fix', act: { name: 'verify.fix', kind: 'store' } },
      schema: schema('verifyAndFix', 'Mend what can be mended without a person'),
      handler: () => verify.run({ fix: true }),
    });
  };
}
