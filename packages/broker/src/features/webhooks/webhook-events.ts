/** What receivers are told: the types of events, their bodies, and the id that a message keeps for good. */
import { hash } from 'node:crypto';
import type {
  EndpointDisabledEvent,
  RequestEvent,
  WebhookTestEvent,
} from '../../kernel/contract.generated.ts';
import type { RequestSummary } from '../requests/requests.ts';

export type EventType = (RequestEvent | EndpointDisabledEvent | WebhookTestEvent)['type'];

/** The receiver that is a request's own callback_url. */
export const CALLBACK = 'callback';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const DIGITS = 26;

/** Depends on nothing but its parts: whoever makes the message again, however often, gives it the same id. */
export function messageIdOf(...parts: readonly string[]): string {
  const digest = hash('sha256', parts.join('\n'), 'binary');
  let id = 'msg_';
  for (let at = 0; at < DIGITS; at++) id += ALPHABET[digest.charCodeAt(at) & 31];
  return id;
}

/** Thin on purpose: prompt and answer stay here, the receiver reads them with its key. */
export function requestBody(
  requestId: string,
  request: RequestSummary,
  { type, at }: { type: string; at: number },
): Buffer {
  const { status, model, attempts, errorCode, metadata } = request;
  const event: RequestEvent = {
    type: type as RequestEvent['type'],
    timestamp: iso(at),
    data: {
      id: requestId,
      status: status as RequestEvent['data']['status'],
      model,
      attempts,
      error: errorCode === null ? null : { code: errorCode },
      created_at: iso(request.createdAt),
      completed_at: request.completedAt === null ? null : iso(request.completedAt),
      ...(metadata === null ? {} : { metadata }),
    },
  };
  return Buffer.from(JSON.stringify(event));
}

export function disabledBody(endpoint: {
  readonly id: string;
  readonly host: string;
  readonly reason: 'gone' | 'failing';
  readonly at: number;
}): Buffer {
  const { id, host, reason, at } = endpoint;
  const event: EndpointDisabledEvent = {
    type: 'endpoint.disabled',
    timestamp: iso(at),
    data: { id, host, reason, disabled_at: iso(at) },
  };
  return Buffer.from(JSON.stringify(event));
}

export function testBody(id: string, at: number): Buffer {
  const event: WebhookTestEvent = { type: 'webhook.test', timestamp: iso(at), data: { id } };
  return Buffer.from(JSON.stringify(event));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
