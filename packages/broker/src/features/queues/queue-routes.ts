/** Routes of named queues, for operators. */
import type { FastifyInstance } from 'fastify';
import type { CreateQueue, QueueList, UpdateQueue } from '../../kernel/contract.generated.ts';
import type { Queues } from './queues.ts';

type WithName = { Params: { name: string } };

const PATH = '/api/v1/admin/queues';
const NAME = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', description: 'Name of the queue.' } },
};
const config = { access: 'admin' } as const;
const tags = ['admin'];
const queue = (description: string) => ({ 200: { description, $ref: 'Queue#' } });

const SWITCHES = [
  ['pause', 'paused', 'Start nothing of a queue; running requests end, accepting goes on'],
  ['resume', 'active', 'Start and accept requests of a queue again'],
  ['drain', 'draining', 'Accept nothing new for a queue; the rest is processed'],
] as const;

export function queueRoutes(queues: Queues) {
  return (app: FastifyInstance): void => {
    app.get(PATH, {
      config,
      schema: {
        ...{ tags, operationId: 'listQueues', summary: 'List all queues and what is in them' },
        response: { 200: { description: 'All of them, by name.', $ref: 'QueueList#' } },
      },
      handler: async (): Promise<QueueList> => ({ items: await queues.list(), next_cursor: null }),
    });
    app.post<{ Body: CreateQueue }>(PATH, {
      config,
      schema: {
        ...{ tags, operationId: 'createQueue', summary: 'Make a queue with a policy of its own' },
        body: { $ref: 'CreateQueue#' },
        response: { 201: { description: 'The queue.', $ref: 'Queue#' } },
      },
      handler: async (request, reply) => {
        const created = await queues.create(request.body);
        void reply.code(201).header('location', `${PATH}/${created.name}`);
        return created;
      },
    });
    app.get<WithName>(`${PATH}/:name`, {
      config,
      schema: {
        ...{ tags, operationId: 'getQueue', summary: 'Look at a queue', params: NAME },
        response: queue('The queue.'),
      },
      handler: (request) => queues.get(request.params.name),
    });
    app.put<WithName & { Body: UpdateQueue }>(`${PATH}/:name`, {
      config,
      schema: {
        ...{ tags, operationId: 'updateQueue', summary: 'Change the policy of a queue, within a second' },
        ...{ params: NAME, body: { $ref: 'UpdateQueue#' } },
        response: queue('The changed queue.'),
      },
      handler: (request) => queues.update(request.params.name, request.body),
    });
    app.delete<WithName>(`${PATH}/:name`, {
      config,
      schema: {
        ...{ tags, operationId: 'removeQueue', summary: 'Remove a queue that is empty', params: NAME },
        response: queue('The queue as it was.'),
      },
      handler: (request) => queues.remove(request.params.name),
    });
    for (const [verb, state, summary] of SWITCHES)
      app.post<WithName>(`${PATH}/:name/${verb}`, {
        config,
        schema: {
          ...{ tags, operationId: `${verb}Queue`, summary, params: NAME },
          response: queue('The queue as it is now; in force on every broker within a second.'),
        },
        handler: (request) => queues.switch(request.params.name, state),
      });
  };
}
