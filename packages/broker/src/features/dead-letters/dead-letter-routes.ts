/** Routes of dead letters, for operators: look, try again, give up; one or many. */
import type { FastifyInstance } from 'fastify';
import type {
  DeadLetterFilter,
  DiscardDeadLetter,
  ListDeadLettersQuery,
  RetryDeadLetter,
  RetryDeadLetters,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import type { Act } from '../audit/audit.ts';
import type { Operations } from '../operations/operations.ts';
import type { DeadLetters } from './dead-letters.ts';

interface DeadLetterRouteDeps {
  readonly deadLetters: DeadLetters;
  readonly operations: Pick<Operations, 'begin'>;
}

type WithId = { Params: { id: string } };

const PATH = '/api/v1/admin/dead-letters';
const ID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'Id of the request that failed.' } },
};
const DEFAULT_RATE = 50;
const read = { access: 'admin', permission: 'dead_letters.read' } as const;
const config = { access: 'admin', permission: 'dead_letters.write' } as const;
const tags = ['admin'];

/** Nothing asked for must not mean everything. */
function checkFilter({ all, ...conditions }: DeadLetterFilter): void {
  const hasConditions = Object.keys(conditions).length > 0;
  if ((all === true) !== hasConditions) return;
  const detail = hasConditions
    ? 'must have either conditions or all: true'
    : 'must have a condition, or all: true for every dead letter';
  throw fail('validation_failed', {
    detail: `filter ${detail}.`,
    errors: [{ pointer: '/filter', detail }],
  });
}

export function deadLetterRoutes({ deadLetters, operations }: DeadLetterRouteDeps) {
  /** The ledger writes with a connection of its own. */
  const acting = (verb: string) => ({
    ...config,
    act: {
      ...{ name: `dead_letters.${verb}`, kind: 'request' },
      state: async (id) => {
        const { retried_as, discarded_at } = await deadLetters.get(id);
        return { id, retried_as, discarded_at };
      },
    } satisfies Act,
  });
  const retryingMany = {
    ...config,
    act: {
      ...{ name: 'dead_letters.retry_many', kind: 'operation', isOneTransaction: true },
      isMeant: (body) => (body as RetryDeadLetters).dry_run !== true,
    } satisfies Act,
  };

  function readRoutes(app: FastifyInstance): void {
    app.get<{ Querystring: ListDeadLettersQuery }>(PATH, {
      config: read,
      schema: {
        tags,
        operationId: 'listDeadLetters',
        summary: 'List dead letters, newest first',
        description: 'Requests that failed for good and were neither retried nor discarded.',
        querystring: { $ref: 'ListDeadLettersQuery#' },
        response: { 200: { description: 'One page.', $ref: 'DeadLetterList#' } },
      },
      handler: (request) => deadLetters.list(request.query),
    });
    app.get<WithId>(`${PATH}/:id`, {
      config: read,
      schema: {
        tags,
        operationId: 'getDeadLetter',
        summary: 'Look at a dead letter',
        description: 'Also at one that was retried or discarded.',
        params: ID,
        response: { 200: { description: 'All that is known of it.', $ref: 'DeadLetterDetails#' } },
      },
      handler: (request) => deadLetters.get(request.params.id),
    });
  }

  function routesOfOne(app: FastifyInstance): void {
    app.post<WithId & { Body: RetryDeadLetter }>(`${PATH}/:id/retry`, {
      config: acting('retry'),
      schema: {
        tags,
        operationId: 'retryDeadLetter',
        summary: 'Try a dead letter again',
        description: 'As a new request of the same key. Once: a second time is a conflict.',
        params: ID,
        body: { $ref: 'RetryDeadLetter#' },
        response: { 201: { description: 'The new request.', $ref: 'DeadLetterRetry#' } },
      },
      // Without a body is without a reason.
      preValidation: async (request) => {
        request.body ??= {};
      },
      handler: async (request, reply) => {
        const retried = await deadLetters.retry(request.params.id, request.body.reason ?? null);
        void reply.code(201);
        return retried;
      },
    });
    app.post<WithId & { Body: DiscardDeadLetter }>(`${PATH}/:id/discard`, {
      config: acting('discard'),
      schema: {
        tags,
        operationId: 'discardDeadLetter',
        summary: 'Give a dead letter up',
        params: ID,
        body: { $ref: 'DiscardDeadLetter#' },
        response: { 200: { description: 'The discarded dead letter.', $ref: 'DeadLetterDetails#' } },
      },
      handler: (request) => deadLetters.discard(request.params.id, request.body.reason),
    });
  }

  return (app: FastifyInstance): void => {
    readRoutes(app);
    routesOfOne(app);
    app.post<{ Body: RetryDeadLetters }>(`${PATH}/retry`, {
      config: retryingMany,
      schema: {
        tags,
        operationId: 'retryDeadLetters',
        summary: 'Try many dead letters again',
        description:
          'In the background, at a rate. What fails after the operation began is not touched by it. With dry_run nothing is.',
        body: { $ref: 'RetryDeadLetters#' },
        response: {
          200: { description: 'What would be tried again (dry_run).', $ref: 'DeadLetterPreview#' },
          202: { description: 'The operation has begun.', $ref: 'Operation#' },
        },
      },
      handler: async (request, reply) => {
        const { filter, reason = null, rate = DEFAULT_RATE, dry_run: isDryRun } = request.body;
        checkFilter(filter);
        if (isDryRun) return deadLetters.preview(filter);
        const operation = await operations.begin({ kind: 'retry_dead_letters', filter, reason, rate });
        void reply.code(202).header('location', `/api/v1/admin/operations/${operation.id}`);
        return operation;
      },
    });
  };
}
