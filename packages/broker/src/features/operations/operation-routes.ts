/** Routes of operations, for operators: look, list, cancel. Each kind is begun where it belongs. */
import type { FastifyInstance } from 'fastify';
import type { ListOperationsQuery } from '../../kernel/contract.generated.ts';
import type { Act } from '../audit/audit.ts';
import type { Operations } from './operations.ts';

type WithId = { Params: { id: string } };

const PATH = '/api/v1/admin/operations';
const ID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'Id of the operation.' } },
};
const read = { access: 'admin', permission: 'operations.read' } as const;
const config = { access: 'admin', permission: 'operations.cancel' } as const;
const tags = ['admin'];

export function operationRoutes(operations: Operations) {
  /** It may wait for the end of a run that writes itself: no transaction may be open meanwhile. */
  const cancelling = {
    ...config,
    act: {
      ...{ name: 'operations.cancel', kind: 'operation' },
      state: async (id) => ({ id, state: (await operations.get(id)).state }),
    } satisfies Act,
  };

  return (app: FastifyInstance): void => {
    app.get<{ Querystring: ListOperationsQuery }>(PATH, {
      config: read,
      schema: {
        tags,
        operationId: 'listOperations',
        summary: 'List operations, newest first',
        querystring: { $ref: 'ListOperationsQuery#' },
        response: { 200: { description: 'One page.', $ref: 'OperationList#' } },
      },
      handler: (request) => operations.list(request.query),
    });
    app.get<WithId>(`${PATH}/:id`, {
      config: read,
      schema: {
        tags,
        operationId: 'getOperation',
        summary: 'Look at an operation',
        params: ID,
        response: { 200: { description: 'The operation as it is now.', $ref: 'Operation#' } },
      },
      handler: (request) => operations.get(request.params.id),
    });
    app.post<WithId>(`${PATH}/:id/cancel`, {
      config: cancelling,
      schema: {
        tags,
        operationId: 'cancelOperation',
        summary: 'Stop an operation',
        description:
          'What it has done stays done. Cancelling twice is no error; a completed one is a conflict.',
        params: ID,
        response: { 200: { description: 'The cancelled operation.', $ref: 'Operation#' } },
      },
      handler: (request) => operations.cancel(request.params.id),
    });
  };
}
