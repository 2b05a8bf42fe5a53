/** For tests: bodies as the broker sends them, and a client whose pauses take no time. */
import { Fila, type InternalOptions } from '../fila.ts';
import type { ApiKey, Operation, Problem, Request } from '../types.generated.ts';
import type { Reply } from './scripted-server.ts';

export const API_KEY = 'fila_live_7c1fb2f0secretsecret';
export const ADMIN_TOKEN = 'admin-token-of-an-operator';
export const REQUEST_ID = 'req_01jdz8k3v5xq9w2m4n6p8r0s1t';
export const OPERATION_ID = 'op_01jdz8k3v5xq9w2m4n6p8r0s1t';
export const KEY_ID = 'key_01jdz8k3v5xq9w2m4n6p8r0s1t';

export function aRequest(part: Partial<Request> = {}): Request {
  return {
    id: REQUEST_ID,
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
    created_at: '2026-01-01T00:00:00.000Z',
    started_at: null,
    completed_at: null,
    run_at: null,
    deadline: null,
    retry_of: null,
    retried_as: null,
    ...part,
  };
}

export function aKey(part: Partial<ApiKey> = {}): ApiKey {
  return {
    id: KEY_ID,
    name: 'shop',
    prefix: 'fila_live_7c1f',
    status: 'active',
    plan: null,
    limit_minute: 0,
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
    created_at: '2026-01-01T00:00:00.000Z',
    revoked_at: null,
    ...part,
  };
}

export function anOperation(part: Partial<Operation> = {}): Operation {
  return {
    id: OPERATION_ID,
    kind: 'retry_dead_letters',
    state: 'running',
    filter: { all: true },
    reason: null,
    rate: 50,
    matched: null,
    done: 0,
    skipped: 0,
    created_at: '2026-01-01T00:00:00.000Z',
    ended_at: null,
    ...part,
  };
}

/** An error as the broker answers it. */
export function aProblem(status: number, code: string, part: Partial<Problem> = {}): Reply {
  const json: Problem = {
    type: `urn:fila:error:${code}`,
    title: 'A title',
    status,
    code,
    detail: 'What is wrong.',
    request_id: 'call-1',
    ...part,
  };
  const headers = { 'content-type': 'application/problem+json', 'x-request-id': json.request_id };
  return { status, headers, text: JSON.stringify(json) };
}

/** `pauses` fills with what the client would have slept, in milliseconds; half of each backoff's limit. */
export function aClient(url: string, options: InternalOptions = {}): { fila: Fila; pauses: number[] } {
  const pauses: number[] = [];
  const internal: InternalOptions = {
    url,
    apiKey: API_KEY,
    adminToken: ADMIN_TOKEN,
    random: () => 0.5,
    sleep: async (ms) => void pauses.push(ms),
    ...options,
  };
  return { fila: new Fila(internal), pauses };
}
