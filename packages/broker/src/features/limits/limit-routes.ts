/** Routes of limits, for operators: what applies to a key now, who is blocked, and the end of a block. */
import type { FastifyInstance } from 'fastify';
import type {
  ExplainLimitsQuery,
  LiftPenalty,
  LiftedPenalty,
  PenaltyList,
} from '../../kernel/contract.generated.ts';
import type { Act } from '../audit/audit.ts';
import type { Limits } from './limits.ts';

const PATH = '/api/v1/admin/limits';
const read = { access: 'admin', permission: 'limits.read' } as const;
const lifting = {
  access: 'admin',
  permission: 'limits.lift',
  act: {
    ...{ name: 'penalties.lift', kind: 'penalty' },
    idOf: ({ body }) => (body as LiftPenalty).id,
  } satisfies Act,
} as const;
const tags = ['admin'];

export function limitRoutes(limits: Limits) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: ExplainLimitsQuery }>(`${PATH}/explain`, {
      config: read,
      schema: {
        ...{
          tags,
          operationId: 'explainLimits',
          summary: 'Say which limits a call of a key has, and which decides now',
        },
        querystring: { $ref: 'ExplainLimitsQuery#' },
        response: { 200: { description: 'As it is now; nothing is counted.', $ref: 'LimitExplanation#' } },
      },
      handler: (request) => limits.explain(request.query),
    });
    app.get(`${PATH}/penalties`, {
      config: read,
      schema: {
        ...{ tags, operationId: 'listPenalties', summary: 'List who is blocked, or was of late' },
        response: { 200: { description: 'Those blocked for longest first.', $ref: 'PenaltyList#' } },
      },
      handler: async (): Promise<PenaltyList> => ({ items: await limits.penalties(), next_cursor: null }),
    });
    app.post<{ Body: LiftPenalty }>(`${PATH}/penalties/lift`, {
      config: lifting,
      schema: {
        ...{ tags, operationId: 'liftPenalty', summary: 'End a block and forget it' },
        body: { $ref: 'LiftPenalty#' },
        response: { 200: { description: 'It is over.', $ref: 'LiftedPenalty#' } },
      },
      handler: async (request): Promise<LiftedPenalty> => ({
        ...(await limits.lift(request.body.id)),
        lifted: true,
      }),
    });
  };
}
