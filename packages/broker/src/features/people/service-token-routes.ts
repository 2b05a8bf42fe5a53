/** Routes of the tokens of programs. */
import type { FastifyInstance } from 'fastify';
import type { CreateServiceToken, ServiceTokenList } from '../../kernel/contract.generated.ts';
import type { People } from './people.ts';
import { callerOf, idOf, type WithId } from './route-parts.ts';

const PATH = '/api/v1/admin/service-tokens';
const tags = ['admin'];
const params = idOf('service token');
const read = { access: 'admin', permission: 'service_tokens.read' } as const;
const token = (description: string) => ({ 200: { description, $ref: 'ServiceToken#' } });

export function serviceTokenRoutes({ serviceTokens }: Pick<People, 'serviceTokens'>) {
  return (app: FastifyInstance): void => {
    app.post<{ Body: CreateServiceToken }>(PATH, {
      config: { access: 'admin', permission: 'service_tokens.write' },
      schema: {
        ...{ tags, operationId: 'createServiceToken', summary: 'Make a token for a program' },
        body: { $ref: 'CreateServiceToken#' },
        response: { 201: { description: 'The token, shown this once.', $ref: 'CreatedServiceToken#' } },
      },
      handler: async (request, reply) => {
        const created = await serviceTokens.create(callerOf(request), request.body);
        void reply.code(201).header('location', `${PATH}/${created.id}`);
        return created;
      },
    });
    app.get(PATH, {
      config: read,
      schema: {
        ...{ tags, operationId: 'listServiceTokens', summary: 'List service tokens, newest first' },
        response: { 200: { description: 'All of them.', $ref: 'ServiceTokenList#' } },
      },
      handler: async (): Promise<ServiceTokenList> => ({
        items: await serviceTokens.list(),
        next_cursor: null,
      }),
    });
    app.get<WithId>(`${PATH}/:id`, {
      config: read,
      schema: {
        ...{ tags, operationId: 'getServiceToken', summary: 'Look at a service token', params },
        response: token('The token, without its secret.'),
      },
      handler: (request) => serviceTokens.get(request.params.id),
    });
    app.delete<WithId>(`${PATH}/:id`, {
      config: { access: 'admin', permission: 'service_tokens.revoke' },
      schema: {
        ...{ tags, operationId: 'revokeServiceToken', summary: 'Refuse a service token for good', params },
        response: token('The revoked token.'),
      },
      handler: (request) => serviceTokens.revoke(request.params.id),
    });
  };
}
