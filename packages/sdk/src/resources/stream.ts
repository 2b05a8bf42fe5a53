/** Listens to a request through cut connections: each goes on after the last event that the one before has heard. */
import { errorOfStatus, FilaError } from '../errors.ts';
import type { CallOptions } from '../http.ts';
import { createSseReader, type ServerSentEvent } from '../sse.ts';
import { cutOff, throughCuts, type Streaming } from '../through-cuts.ts';
import type { Problem, Request, RequestStatus } from '../types.generated.ts';

export type StreamEvent =
  | { type: 'state'; status: RequestStatus }
  /** What was added to the answer, or to what the model thinks before it. */
  | { type: 'token'; text?: string; thinking?: string; id: string }
  /** An attempt failed after it had begun to answer: forget what came before. */
  | { type: 'restart'; id: string }
  /** The last one, however the request ended: look at its status. */
  | { type: 'done'; request: Request; id: string };

/** `timeoutMs` is the longest silence: the broker says something every 15 seconds. `maxRetries` is for connections in a row that bring nothing new, 10 unless the client says otherwise. */
export interface StreamOptions extends CallOptions {
  /** The id of the last event that was heard, by an earlier program perhaps. */
  lastEventId?: string;
  /** The broker cancels the request when this connection ends before it; then there is nothing to go on with. */
  cancelOnDisconnect?: boolean;
}

export function streamRequest(
  streaming: Streaming,
  id: string,
  { lastEventId = '', cancelOnDisconnect, headers, ...options }: StreamOptions = {},
): AsyncGenerator<StreamEvent, void> {
  const query = { cancel_on_disconnect: cancelOnDisconnect ? 'true' : undefined };
  let last = lastEventId;
  let status: RequestStatus | undefined;
  async function* connect(isNew: () => void): AsyncGenerator<StreamEvent, void> {
    const resume: Record<string, string> = last === '' ? {} : { 'last-event-id': last };
    const parts = streaming.open(
      { method: 'GET', path: '/api/v1/requests/{id}/stream', id, as: 'client', query },
      { ...options, headers: { accept: 'text/event-stream', ...resume, ...headers } },
    );
    for await (const event of eventsOf(parts)) {
      if (event.type === 'state') {
        // A new connection says it again.
        if (event.status !== status) yield event;
        status = event.status;
        continue;
      }
      last = event.id || last;
      isNew();
      yield event;
      if (event.type === 'done') return;
    }
    throw cutOff('The stream ended before the request did.');
  }
  return throughCuts(streaming, connect, cancelOnDisconnect ? { ...options, maxRetries: 0 } : options);
}

/** What is not known here is left out: the broker may be newer. */
async function* eventsOf(parts: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent, void> {
  const read = createSseReader();
  for await (const part of parts)
    for (const event of read(part)) {
      const known = eventOf(event);
      if (known) yield known;
    }
}

function eventOf({ event, data, id }: ServerSentEvent): StreamEvent | null {
  switch (event) {
    case 'state':
      return { type: 'state', ...(parsed(data) as { status: RequestStatus }) };
    case 'token':
      return { ...(parsed(data) as { text?: string; thinking?: string }), type: 'token', id };
    case 'restart':
      return { type: 'restart', id };
    case 'done':
      return { type: 'done', request: parsed(data) as Request, id };
    case 'error':
      throw errorOf(parsed(data) as Problem & { retryable?: boolean });
    default:
      return null;
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new FilaError({ code: 'invalid_answer', detail: 'An event is not JSON.', retryable: false });
  }
}

function errorOf(problem: Problem & { retryable?: boolean }): FilaError {
  return errorOfStatus(problem.status, {
    ...{ code: problem.code, detail: problem.detail ?? problem.title },
    ...{ retryable: problem.retryable === true, requestId: problem.request_id },
    retryAfterMs: typeof problem.retry_after === 'number' ? problem.retry_after * 1000 : undefined,
  });
}
