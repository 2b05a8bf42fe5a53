/** A real HTTP server that answers as a test says, and remembers what it was asked; for tests. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiKey, DeadLetterDetails, Operation, Request, RequestEntry } from '@fila/sdk';

export interface SeenCall {
  /** "POST /api/v1/requests", without the query. */
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly body: unknown;
  /** Instead of the body: a stream of events. */
  readonly events?: readonly { event: string; data: unknown; id?: string }[];
  /** Instead of the body: lines of JSON. */
  readonly lines?: readonly unknown[];
}

export interface ScriptedBroker {
  readonly url: string;
  readonly calls: readonly SeenCall[];
  stop(): Promise<void>;
}

const LINES = 'application/x-ndjson';
const isLines = (headers: IncomingHttpHeaders): boolean => headers['content-type'] === LINES;

export async function startScriptedBroker(
  answer: (call: SeenCall, count: number) => ScriptedAnswer,
): Promise<ScriptedBroker> {
  const calls: SeenCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url!, 'http://broker');
      const text = Buffer.concat(chunks).toString('utf8');
      const call: SeenCall = {
        route: `${request.method} ${pathname}`,
        query: Object.fromEntries(searchParams),
        headers: request.headers,
        body: text === '' ? undefined : isLines(request.headers) ? text : JSON.parse(text),
      };
      calls.push(call);
      const { status = 200, body, events, lines } = answer(call, calls.length);
      if (lines) {
        response.writeHead(status, { 'content-type': LINES });
        return void response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      }
      if (events) {
        response.writeHead(status, { 'content-type': 'text/event-stream' });
        for (const { event, data, id } of events)
          response.write(`${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
        return void response.end();
      }
      const type = status < 400 ? 'application/json' : 'application/problem+json';
      response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}

export function problem(status: number, code: string, detail = `This is ${code}.`): ScriptedAnswer {
  return {
    status,
    body: { type: `urn:fila:error:${code}`, title: code, status, code, detail, request_id: 'run_test-1' },
  };
}

export function someKey(changes: Partial<ApiKey> = {}): ApiKey {
  return {
    id: 'key_0000000000000000000000000a',
    name: 'shop',
    prefix: 'fila_live_8Kd2',
    status: 'active',
    plan: null,
    limit_minute: 60,
    limit_hour: 0,
    limit_day: 0,
    limit_burst: 0,
    limit_tokens_day: 0,
    max_queued: 0,
    max_concurrent: 0,
    weight: 0,
    inherited: [],
    ...{ scopes: null, allowed_models: null, allowed_queues: null, allowed_ips: null, not_before: null },
    expires_at: null,
    last_used_at: null,
    created_at: '2026-11-20T08:00:00.000Z',
    revoked_at: null,
    ...changes,
  };
}

export function someRequest(changes: Partial<Request> = {}): Request {
  return {
    id: 'req_0000000000000000000000000a',
    status: 'pending',
    model: 'llama3:8b',
    queue: 'default',
    degraded: false,
    priority: 5,
    result: null,
    error: null,
    usage: null,
    metadata: null,
    attempts: 0,
    processing_time: null,
    created_at: '2026-11-20T08:00:00.000Z',
    started_at: null,
    completed_at: null,
    run_at: null,
    deadline: null,
    retry_of: null,
    retried_as: null,
    ...changes,
  };
}

export function someEntry(changes: Partial<RequestEntry> = {}): RequestEntry {
  return {
    id: 'req_0000000000000000000000000a',
    key_id: 'key_0000000000000000000000000a',
    key_name: 'shop',
    status: 'completed',
    model: 'llama3:8b',
    queue: 'default',
    priority: 5,
    degraded: false,
    attempts: 1,
    upstream: 'http://gpu1:11434',
    error_code: null,
    prompt_tokens: 5,
    completion_tokens: 7,
    processing_time: 1200,
    created_at: '2026-11-20T08:00:00.000Z',
    started_at: '2026-11-20T08:00:01.000Z',
    completed_at: '2026-11-20T08:00:02.000Z',
    run_at: null,
    deadline: null,
    retry_of: null,
    retried_as: null,
    ...changes,
  };
}

export function someDeadLetter(changes: Partial<DeadLetterDetails> = {}): DeadLetterDetails {
  const error = { code: 'upstream_timeout', message: 'No token came.' };
  const upstream = 'http://gpu1:11434';
  return {
    id: 'req_0000000000000000000000000a',
    state: 'open',
    key_id: 'key_0000000000000000000000000a',
    model: 'llama3:8b',
    priority: 5,
    error,
    attempts: 2,
    upstream,
    metadata: null,
    created_at: '2026-11-20T08:00:00.000Z',
    failed_at: '2026-11-20T08:05:00.000Z',
    retry_of: null,
    retried_as: null,
    deliveries: 0,
    policy: { max_attempts: 2 },
    history: [{ fence: 1, upstream, error, ended_at: '2026-11-20T08:01:00.000Z' }],
    started_at: '2026-11-20T08:04:00.000Z',
    retry_reason: null,
    retry_operation: null,
    discarded_at: null,
    discard_reason: null,
    ...changes,
  };
}

export function someOperation(changes: Partial<Operation> = {}): Operation {
  return {
    id: 'op_0000000000000000000000000a',
    kind: 'retry_dead_letters',
    state: 'running',
    filter: { error_code: 'upstream_timeout' },
    reason: null,
    rate: 50,
    matched: null,
    done: 0,
    skipped: 0,
    created_at: '2026-11-20T08:00:00.000Z',
    ended_at: null,
    ...changes,
  };
}
