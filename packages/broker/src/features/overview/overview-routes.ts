/** Routes of the overview, for an operator: the picture of now and the stream of events. */
import type { FastifyInstance } from 'fastify';
import type { EventsQuery, OverviewQuery } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { eventStream } from './event-stream.ts';
import type { OverviewRoom } from './overview.ts';

const config = { access: 'admin', permission: 'overview.read' } as const;
const tags = ['admin'];
const BUSIEST = 20;
const OVERVIEW_MS = 1_000;
const UNLIMITED = 10_000;
/** Each has a socket and a timer. */
const MOST_LISTENERS = 100;

/** `stopping` fires when the broker stops: streams end then. */
export function overviewRoutes({ overview, stopping }: { overview: OverviewRoom; stopping: AbortSignal }) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: OverviewQuery }>('/api/v1/admin/overview', {
      config,
      schema: {
        tags,
        operationId: 'getOverview',
        summary: 'How everything is, in one cheap answer',
        querystring: { $ref: 'OverviewQuery#' },
        response: { 200: { description: 'At most a quarter of a second old.', $ref: 'Overview#' } },
      },
      handler: ({ query }) => overview.read({ busiest: query.busiest ?? BUSIEST }),
    });

    app.get<{ Querystring: EventsQuery }>('/api/v1/admin/events', {
      config,
      schema: {
        tags,
        operationId: 'streamEvents',
        summary: 'What happens, as it happens, without content',
        description:
          'Server-sent events. Each `data` is an Event. With Last-Event-ID the stream goes on after that event, as far as it is still kept; a `gap` event says what is missing. A reader that is too slow loses events, and is told how many.',
        querystring: { $ref: 'EventsQuery#' },
        headers: {
          type: 'object',
          properties: { 'last-event-id': { type: 'string', description: 'The id that was seen last.' } },
        },
        response: {
          200: {
            description: 'Until one of both sides ends it.',
            // Of each event's data: OpenAPI 3.1 has no words for a stream.
            content: { 'text/event-stream': { schema: { $ref: 'Event#' } } },
          },
        },
      },
      handler: (request, reply) => {
        if (overview.feed.listeners >= MOST_LISTENERS)
          throw fail('unavailable', { detail: 'Too many are listening already.' });
        const { kinds, most_per_second: mostPerSecond = UNLIMITED, overview_ms, busiest } = request.query;
        const wanted = new Set(kinds?.split(','));
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        const read = () => overview.read({ busiest: busiest ?? BUSIEST });
        const stream = eventStream(
          overview.feed,
          {
            kinds: wanted,
            mostPerSecond,
            lastEventId: String(request.headers['last-event-id'] ?? '') || null,
            overview: wanted.has('overview') ? { everyMs: overview_ms ?? OVERVIEW_MS, read } : null,
          },
          AbortSignal.any([gone.signal, stopping]),
        );
        // A proxy that gathers an answer before it passes it on would show nothing for ever.
        return reply
          .header('content-type', 'text/event-stream; charset=utf-8')
          .header('x-accel-buffering', 'no')
          .send(stream);
      },
    });
  };
}
