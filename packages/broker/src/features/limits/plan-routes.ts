/** Routes of plans, for operators. */
import type { FastifyInstance } from 'fastify';
import type { CreatePlan, PlanList, UpdatePlan } from '../../kernel/contract.generated.ts';
import type { Act } from '../audit/audit.ts';
import type { PlanRoom } from './plans.ts';

type WithName = { Params: { name: string } };

const PATH = '/api/v1/admin/plans';
const NAME = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', description: 'Name of the plan.' } },
};
const read = { access: 'admin', permission: 'plans.read' } as const;
const config = { access: 'admin', permission: 'plans.write' } as const;
const tags = ['admin'];
const plan = (description: string) => ({ 200: { description, $ref: 'Plan#' } });

export function planRoutes(plans: PlanRoom) {
  const acting = (verb: string) => ({
    ...config,
    act: {
      ...{ name: `plans.${verb}`, kind: 'plan', isOneTransaction: true },
      state: (name) => plans.get(name),
    } satisfies Act,
  });

  return (app: FastifyInstance): void => {
    app.get(PATH, {
      config: read,
      schema: {
        ...{ tags, operationId: 'listPlans', summary: 'List all plans' },
        response: { 200: { description: 'All of them, by name.', $ref: 'PlanList#' } },
      },
      handler: async (): Promise<PlanList> => ({ items: await plans.list(), next_cursor: null }),
    });
    app.post<{ Body: CreatePlan }>(PATH, {
      config: acting('create'),
      schema: {
        ...{ tags, operationId: 'createPlan', summary: 'Make a plan: a set of limits for keys' },
        body: { $ref: 'CreatePlan#' },
        response: { 201: { description: 'The plan.', $ref: 'Plan#' } },
      },
      handler: async (request, reply) => {
        const created = await plans.create(request.body);
        void reply.code(201).header('location', `${PATH}/${created.name}`);
        return created;
      },
    });
    app.get<WithName>(`${PATH}/:name`, {
      config: read,
      schema: {
        ...{ tags, operationId: 'getPlan', summary: 'Look at a plan', params: NAME },
        response: plan('The plan.'),
      },
      handler: (request) => plans.get(request.params.name),
    });
    app.put<WithName & { Body: UpdatePlan }>(`${PATH}/:name`, {
      config: acting('update'),
      schema: {
        ...{
          tags,
          operationId: 'updatePlan',
          summary: 'Change a plan, and with it its keys, within a second',
        },
        ...{ params: NAME, body: { $ref: 'UpdatePlan#' } },
        response: plan('The changed plan.'),
      },
      handler: (request) => plans.update(request.params.name, request.body),
    });
    app.delete<WithName>(`${PATH}/:name`, {
      config: acting('remove'),
      schema: {
        ...{ tags, operationId: 'removePlan', summary: 'Remove a plan that no key has', params: NAME },
        response: plan('The plan as it was.'),
      },
      handler: (request) => plans.remove(request.params.name),
    });
  };
}
