/** The client's route to listen to a request: server-sent events that a cut connection can go on with. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LedgerUnavailable } from '../../engines/ledger/ledger.ts';
import { fail, FilaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { Requests } from '../requests/requests.ts';
import { readPosition, writePosition, type Position } from './stream-position.ts';
import type { StreamEvent, StreamEvents, Streams } from './streams.ts';

interface StreamRouteDeps {
  readonly requests: Pick<Requests, 'cancel'>;
  readonly streams: Pick<Streams, 'listen'>;
  readonly keyOf: (request: FastifyRequest) => AcceptedKey;
  readonly logger: Logger;
  /** How long a listener may leave what he was sent unread. */
  readonly stallMs?: number;
}

const STALL_MS = 30_000;
/** A browser's EventSource comes back after this time. */
const COME_BACK_MS = 1_000;

const description = `Events, as text/event-stream:
- \`state\` \`{"status"}\`: the request is pending or processing; said first, and when it changes.
- \`token\` \`{"text"}\` or \`{"thinking"}\`: what was added to the answer.
- \`restart\` \`{}\`: an attempt failed after it had begun to answer. Forget what came before.
- \`done\`: the request as it ended, as GET gives it, result included. The last event.
- \`error\`: a problem. The stream ends; when it is retryable, come back.

The id of an event is opaque. Sent back as Last-Event-ID it goes on right after that event, also when the request has
ended meanwhile, and at any broker. A comment comes after 15 seconds without events. Who does not read for 30 seconds is cut off,
and may come back.`;

export function streamRoutes({ requests, streams, keyOf, logger, stallMs = STALL_MS }: StreamRouteDeps) {
  return (app: FastifyInstance): void => {
    app.get<{ Params: { id: string }; Querystring: { cancel_on_disconnect?: boolean } }>(
      '/api/v1/requests/:id/stream',
      {
        config: { access: 'key', scope: 'requests:read' },
        exposeHeadRoute: false,
        schema: {
          tags: ['requests'],
          operationId: 'streamRequest',
          summary: 'Listen to a request',
          description,
          params: {
            type: 'object',
            required: ['id'],
            properties: { id: { type: 'string', description: 'Id of the request.' } },
          },
          querystring: {
            type: 'object',
            additionalProperties: false,
            properties: {
              cancel_on_disconnect: {
                type: 'boolean',
                description: 'Cancel the request when this connection ends before the request does.',
              },
            },
          },
          headers: {
            type: 'object',
            properties: {
              'last-event-id': { type: 'string', description: 'Go on after the event with this id.' },
            },
          },
          response: {
            200: {
              description: 'Events until the request has ended.',
              content: { 'text/event-stream': { schema: { type: 'string' } } },
            },
          },
        },
        handler: async (request, reply) => {
          const { id } = request.params;
          const key = keyOf(request);
          if (request.query.cancel_on_disconnect && !key.rights.hasScope('requests:write'))
            throw fail('scope_missing', { detail: 'To cancel needs the scope requests:write.' });
          const gone = new AbortController();
          const events = streams.listen(key.id, id, { after: lastSeen(request), signal: gone.signal });
          reply.raw.once('close', () => {
            gone.abort();
            void events.return();
            if (request.query.cancel_on_disconnect) void cancel(key.id, id);
          });
          const first = await events.next();
          void reply.type('text/event-stream').header('x-accel-buffering', 'no');
          const text = write(events, first, reply);
          return reply.send(Readable.from(text, { objectMode: false, highWaterMark: 16 * 1024 }));
        },
      },
    );
  };

  /** The text of each event; a listener that takes none for too long is cut off. */
  async function* write(
    events: StreamEvents,
    first: IteratorResult<StreamEvent, void>,
    reply: FastifyReply,
  ): AsyncGenerator<string, void> {
    yield `retry: ${COME_BACK_MS}\n`;
    try {
      for (let next = first; !next.done; next = await events.next()) {
        const stalled = setTimeout(() => reply.raw.destroy(), stallMs);
        try {
          yield textOf(next.value);
        } finally {
          clearTimeout(stalled);
        }
      }
    } catch (error) {
      yield event('error', problemOf(error, reply.request.id));
    }
  }

  function problemOf(error: unknown, requestId: string): object {
    const told =
      error instanceof FilaError
        ? error
        : fail(error instanceof LedgerUnavailable ? 'unavailable' : 'internal_error');
    if (told.code === 'internal_error') logger.error({ err: error, http: requestId }, 'a stream broke');
    const { code, status, retryable } = told;
    return {
      type: `urn:fila:error:${code}`,
      ...{ title: told.message, status, code, retryable },
      request_id: requestId,
    };
  }

  async function cancel(keyId: string, id: string): Promise<void> {
    try {
      await requests.cancel(keyId, id);
    } catch (error) {
      if (error instanceof FilaError) return;
      logger.warn({ err: error, requestId: id }, 'a request whose listener left could not be cancelled');
    }
  }
}

function lastSeen({ headers }: FastifyRequest): Position | null {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return null;
  const position = readPosition(String(given));
  if (!position) throw fail('bad_request', { detail: 'The Last-Event-ID is not one of a stream of Fila.' });
  return position;
}

function textOf(said: StreamEvent): string {
  if (said.type === 'quiet') return ': waiting\n\n';
  if (said.type === 'state') return event('state', { status: said.status });
  const id = writePosition(said.at);
  if (said.type === 'restart') return event('restart', {}, id);
  if (said.type === 'done') return event('done', said.request, id);
  const { text, thinking } = said;
  return event('token', text === undefined ? { thinking } : { text }, id);
}

function event(name: string, data: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
