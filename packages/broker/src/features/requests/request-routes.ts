/** The client's routes of requests: send, look, list, cancel. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AcceptedKey } from '../keys/keys.ts';
import type { CreateRequest, ListRequestsQuery } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import type { Accepted, Arrival, Requests, WaitLimit } from './requests.ts';

interface RequestRouteDeps {
  readonly requests: Requests;
  readonly arrive: (arrival: Arrival) => Promise<Accepted>;
  readonly keyOf: (request: FastifyRequest) => AcceptedKey;
  /** The longest that a call may wait. */
  readonly maxWaitSeconds: () => number;
}

const ID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'Id of the request.' } },
};
const PREFER = {
  type: 'object',
  properties: {
    prefer: {
      type: 'string',
      description: 'wait=N (RFC 7240): answer when the request has ended, after N seconds at the latest.',
    },
  },
};
const IDEMPOTENCY = {
  'idempotency-key': {
    type: 'string',
    description:
      'With the same key and body within 24 hours the answer is the same request. Quoted or not; 255 characters at most.',
  },
};
const tags = ['requests'];

/** Seconds after which a client that polls may look again. */
const POLL_AFTER_S = 2;

/** The draft writes it as a quoted string, most clients send it bare: both are the same key. */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  const [, quoted, bare] =
    /^(?:"([\x20-\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/.exec(String(given)) ?? [];
  const key = quoted ?? bare;
  if (key === undefined)
    throw fail('bad_request', { detail: 'The Idempotency-Key must be 1 to 255 printable ASCII characters.' });
  return key;
}

export function requestRoutes(deps: RequestRouteDeps) {
  const { requests, arrive, keyOf } = deps;
  /** Null when the call does not want to wait. */
  function waitOf(request: FastifyRequest, reply: FastifyReply): WaitLimit | null {
    const { prefer } = request.headers;
    if (prefer === undefined) return null;
    const [, seconds] = /(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])/.exec(String(prefer)) ?? [];
    if (seconds === undefined) return null;
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    return { waitMs: Math.min(Number(seconds), deps.maxWaitSeconds()) * 1000, signal: gone.signal };
  }

  function noteWait(reply: FastifyReply, wait: WaitLimit | null): void {
    if (wait) void reply.header('preference-applied', `wait=${wait.waitMs / 1000}`);
  }

  return (app: FastifyInstance): void => {
    app.post<{ Body: CreateRequest }>('/api/v1/requests', {
      config: { access: 'key', scope: 'requests:write', calls: 'request' },
      schema: {
        tags,
        operationId: 'createRequest',
        summary: 'Send a prompt',
        description:
          'The request is stored durably before the answer is sent. With Prefer: wait=N the answer comes when the request has ended (200) or after N seconds (202).',
        headers: { ...PREFER, properties: { ...PREFER.properties, ...IDEMPOTENCY } },
        body: { $ref: 'CreateRequest#' },
        response: {
          200: { description: 'The request has ended.', $ref: 'Request#' },
          202: { description: 'Accepted, and kept whatever happens.', $ref: 'Request#' },
        },
      },
      handler: async (request, reply) => {
        const key = keyOf(request);
        const accepted = await arrive({
          key,
          input: request.body,
          idempotencyKey: idempotencyKeyOf(request),
        });
        let answer = accepted.request;
        if (accepted.isRepeated) void reply.header('idempotent-replayed', 'true');
        const wait = waitOf(request, reply);
        noteWait(reply, wait);
        if (wait) answer = await requests.follow(key.id, accepted, wait);
        void reply.header('location', `/api/v1/requests/${answer.id}`);
        if (answer.completed_at !== null) return answer;
        void reply.code(202).header('retry-after', POLL_AFTER_S);
        return answer;
      },
    });

    app.get<{ Querystring: ListRequestsQuery }>('/api/v1/requests', {
      config: { access: 'key', scope: 'requests:read' },
      schema: {
        tags,
        operationId: 'listRequests',
        summary: 'List own requests, newest first',
        querystring: { $ref: 'ListRequestsQuery#' },
        response: { 200: { description: 'One page.', $ref: 'RequestList#' } },
      },
      handler: (request) => requests.list(keyOf(request).id, request.query),
    });

    app.get<{ Params: { id: string } }>('/api/v1/requests/:id', {
      config: { access: 'key', scope: 'requests:read' },
      schema: {
        tags,
        operationId: 'getRequest',
        summary: 'Look at a request',
        description:
          'With Prefer: wait=N the answer comes when the request has ended, after N seconds at the latest.',
        params: ID,
        headers: PREFER,
        response: { 200: { description: 'The request as it is now.', $ref: 'Request#' } },
      },
      handler: async (request, reply) => {
        const wait = waitOf(request, reply);
        noteWait(reply, wait);
        return requests.find(keyOf(request).id, request.params.id, wait ?? undefined);
      },
    });

    app.post<{ Params: { id: string } }>('/api/v1/requests/:id/cancel', {
      config: { access: 'key', scope: 'requests:write' },
      schema: {
        tags,
        operationId: 'cancelRequest',
        summary: 'Cancel a request',
        description:
          'A running call is broken off. Cancelling twice is no error; a request that has ended otherwise is a conflict.',
        params: ID,
        response: { 200: { description: 'The cancelled request.', $ref: 'Request#' } },
      },
      handler: (request) => requests.cancel(keyOf(request).id, request.params.id),
    });
  };
}
