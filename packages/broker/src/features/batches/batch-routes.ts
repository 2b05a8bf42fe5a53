/** The client's routes of batches: upload, look, list, cancel, and what came of each request. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { BatchLinesQuery, BatchResult, ListBatchesQuery } from '../../kernel/contract.generated.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { Batches, Outcome } from './batches.ts';
import { MAX_LINES } from './stage-upload.ts';

interface BatchRouteDeps {
  readonly batches: Batches;
  readonly keyOf: (request: FastifyRequest) => AcceptedKey;
  readonly idempotencyKeyOf: (request: FastifyRequest) => string | null;
}

const JSON_LINES = 'application/x-ndjson';
const tags = ['batches'];
const ID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'Id of the batch.' } },
};
/** What each of the lines is, once it is read as JSON. */
const linesOf = ($ref: string) => ({
  ...{ type: 'string', contentMediaType: 'application/x-ndjson', contentSchema: { $ref } },
  description: 'Lines of JSON, each of this form.',
});
const WRITE_AHEAD_BYTES = 64 * 1024;

const UPLOAD = `One JSON object a line, each with a \`custom_id\` of its own and a \`request\`, which is the body of
POST /api/v1/requests. At most ${MAX_LINES} lines. All or nothing: when any line is wrong, the upload is refused and
\`errors\` names each place with its \`line\` and \`custom_id\`, of the first 100 such lines. It counts as so many requests
against every limit, and is refused as a whole when it does not fit.`;

export function batchRoutes({ batches, keyOf, idempotencyKeyOf }: BatchRouteDeps) {
  return (app: FastifyInstance): void => {
    app.post('/api/v1/batches', {
      config: { access: 'key', scope: 'requests:write', takesLines: true },
      // The body is a stream, read and checked by the room.
      validatorCompiler: () => () => true,
      schema: {
        tags,
        operationId: 'createBatch',
        summary: 'Upload many requests',
        description: UPLOAD,
        headers: {
          type: 'object',
          properties: {
            'idempotency-key': {
              type: 'string',
              description:
                'With the same key and the same bytes within 24 hours the answer is the same batch.',
            },
          },
        },
        body: {
          content: {
            [JSON_LINES]: { schema: linesOf('BatchLine#') },
            'application/jsonl': { schema: linesOf('BatchLine#') },
          },
        },
        response: { 202: { description: 'Accepted, and kept whatever happens.', $ref: 'Batch#' } },
      },
      handler: async (request, reply) => {
        const { batch, isRepeated } = await batches.create({
          key: keyOf(request),
          // A refusal must not cut the connection that it is told on.
          body: request.raw.iterator({ destroyOnReturn: false }),
          idempotencyKey: idempotencyKeyOf(request),
        });
        if (isRepeated) void reply.header('idempotent-replayed', 'true');
        void reply.header('location', `/api/v1/batches/${batch.id}`);
        return reply.code(202).send(batch);
      },
    });

    app.get<{ Querystring: ListBatchesQuery }>('/api/v1/batches', {
      config: { access: 'key', scope: 'requests:read' },
      schema: {
        tags,
        operationId: 'listBatches',
        summary: 'List own batches, newest first',
        querystring: { $ref: 'ListBatchesQuery#' },
        response: { 200: { description: 'One page.', $ref: 'BatchList#' } },
      },
      handler: (request) => batches.list(keyOf(request).id, request.query),
    });

    app.get<{ Params: { id: string } }>('/api/v1/batches/:id', {
      config: { access: 'key', scope: 'requests:read' },
      schema: {
        tags,
        operationId: 'getBatch',
        summary: 'Look at a batch',
        params: ID,
        response: { 200: { description: 'The batch as it is now.', $ref: 'Batch#' } },
      },
      handler: (request) => batches.get(keyOf(request).id, request.params.id),
    });

    app.post<{ Params: { id: string } }>('/api/v1/batches/:id/cancel', {
      config: { access: 'key', scope: 'requests:write' },
      schema: {
        tags,
        operationId: 'cancelBatch',
        summary: 'Cancel a batch',
        description:
          'Cancels those of its requests that have not ended. Cancelling twice is no error; a completed batch is a conflict.',
        params: ID,
        response: { 200: { description: 'The cancelled batch.', $ref: 'Batch#' } },
      },
      handler: (request) => batches.cancel(keyOf(request).id, request.params.id),
    });

    for (const [outcome, operationId, summary] of LINES)
      app.get<{ Params: { id: string }; Querystring: BatchLinesQuery }>(`/api/v1/batches/:id/${outcome}`, {
        config: { access: 'key', scope: 'requests:read' },
        exposeHeadRoute: false,
        schema: {
          tags,
          operationId,
          summary,
          description:
            'One BatchResult a line, in the order of the upload; of what has ended so far while the batch is in progress.',
          params: ID,
          querystring: { $ref: 'BatchLinesQuery#' },
          response: {
            200: {
              description: 'Lines, each of them a BatchResult.',
              content: { [JSON_LINES]: { schema: linesOf('BatchResult#') } },
            },
          },
        },
        handler: async (request, reply) => {
          const lines = await batches.lines(keyOf(request).id, request.params.id, {
            ...request.query,
            outcome,
          });
          const text = Readable.from(written(lines), {
            objectMode: false,
            highWaterMark: WRITE_AHEAD_BYTES,
          });
          return reply.type(JSON_LINES).send(text);
        },
      });
  };
}

const LINES: readonly (readonly [Outcome, operationId: string, summary: string])[] = [
  ['results', 'getBatchResults', 'Read the answers of a batch'],
  ['errors', 'getBatchErrors', 'Read what of a batch has no answer, and why'],
];

async function* written(lines: AsyncIterable<BatchResult>): AsyncGenerator<string, void> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`;
}
