/** Small wrong turns in the TypeScript SDK, at least one for each rule that is its own to keep: what the vectors must notice. */
import { mutant, type Mutant } from './mutants.ts';

/** Of these the application decides: the SDK hands it what it decides by. */
export const OF_APPLICATIONS = ['BR-WHK-007', 'BR-WHK-008', 'BR-WHK-009', 'BR-WHK-010'];

const [HTTP, ANSWER, RETRY, SSE] = ['http.ts', 'read-answer.ts', 'retry.ts', 'sse.ts'];
const [REQUESTS, STREAM, BATCHES] = ['requests.ts', 'stream.ts', 'batches.ts'].map(
  (name) => `resources/${name}`,
) as [string, string, string];
const WEBHOOK = 'resources/unwrap-webhook.ts';

/** In packages/sdk/src. */
export const SDK_MUTANTS: readonly Mutant[] = [
  mutant('BR-REQ-001', HTTP, "headers.set('idempotency-key', call.idempotencyKey)", ''),
  mutant(
    'BR-REQ-002',
    HTTP,
    'JSON.stringify(call.body)',
    "JSON.stringify(call.body).replaceAll('<', '&lt;')",
  ),
  mutant('BR-REQ-003', HTTP, 'JSON.stringify(call.body)', "JSON.stringify(call.body).replaceAll('{}', '[]')"),
  mutant('BR-REQ-004', REQUESTS, "method: 'GET', path: REQUEST, id", "method: 'POST', path: REQUEST, id"),
  mutant('BR-REQ-005', REQUESTS, '`${REQUEST}/cancel`', '`${REQUEST}/stop`'),
  mutant('BR-REQ-006', HTTP, 'encodeURIComponent(String(value))', 'String(value)'),
  mutant('BR-REQ-007', HTTP, '/^[\\w-]+$/', '/^[\\w-]*$/'),
  mutant(
    'BR-REQ-009',
    HTTP,
    'JSON.stringify(call.body)',
    'JSON.stringify(call.body).replace(\'["Hi"]\', \'"Hi"\')',
  ),
  mutant('BR-WAI-001', HTTP, '`wait=${Math.ceil(call.waitSeconds)}`', '`wait ${call.waitSeconds}`'),
  mutant('BR-STR-001', SSE, '{ stream: true }', '{}'),
  mutant('BR-STR-002', SSE, '|\\r(?!$)', ''),
  mutant('BR-STR-002', SSE, ".replace(/^ /, '')", ''),
  mutant('BR-STR-003', STREAM, "throw cutOff('The stream ended before the request did.');", 'return;'),
  mutant('BR-STR-004', STREAM, "{ 'last-event-id': last }", '{}'),
  mutant('BR-STR-005', STREAM, "type: 'token', id }", "type: 'token', thinking: undefined, id }"),
  mutant('BR-STR-006', STREAM, "return { type: 'restart', id };", 'return null;'),
  mutant('BR-STR-007', STREAM, "if (event.type === 'done') return;", ''),
  mutant('BR-STR-008', STREAM, 'problem.retryable === true', 'false'),
  mutant(
    'BR-STR-009',
    STREAM,
    '      return null;\n  }\n}',
    "      return { type: 'token', text: data, id };\n  }\n}",
  ),
  mutant('BR-BAT-001', HTTP, "'content-type', 'application/x-ndjson'", "'content-type', 'application/json'"),
  mutant(
    'BR-BAT-002',
    BATCHES,
    '`${JSON.stringify(line)}\\n`',
    "`${JSON.stringify(line).replaceAll('\\\\n', ' ')}\\n`",
  ),
  mutant('BR-BAT-003', ANSWER, 'Array.isArray(problem.errors) ? problem.errors', 'false ? []'),
  mutant('BR-BAT-004', BATCHES, '`${BATCH}/cancel`', '`${BATCH}/stop`'),
  mutant('BR-BAT-005', BATCHES, '`${BATCH}/errors`', '`${BATCH}/results`'),
  mutant('BR-BAT-006', BATCHES, 'query: { after: last }', 'query: { after }'),
  mutant('BR-BAT-006', BATCHES, "if (rest !== '')", 'if (false)'),
  mutant('BR-BAT-007', BATCHES, 'yield result;', 'if (result.custom_id !== null) yield result;'),
  mutant('BR-ERR-001', ANSWER, 'status >= 200 && status < 300', 'status === 200'),
  mutant('BR-ERR-002', ANSWER, '!isText(problem.code)', 'true'),
  mutant('BR-ERR-003', ANSWER, "typeof problem.retry_after === 'number'", 'false'),
  mutant('BR-ERR-004', RETRY, ' || status >= 500', ''),
  mutant('BR-ERR-005', ANSWER, 'requestId: requestId ?? problem.request_id', 'requestId'),
  mutant('BR-ERR-006', ANSWER, '`http_${status}`', "'unknown'"),
  mutant('BR-ERR-007', RETRY, 'status >= 500', '(status >= 300 && status < 400) || status >= 500'),
  mutant(
    'BR-ERR-008',
    ANSWER,
    "return new FilaError({ code: 'invalid_answer'",
    "return new FilaError({ code: 'odd'",
  ),
  mutant('BR-ERR-009', ANSWER, '!isText(problem.code)', 'problem.code === undefined'),
  mutant('BR-RET-001', RETRY, 'status === 408 || status === 429 || ', ''),
  mutant('BR-RET-002', RETRY, 'status === 408 || status === 429 || status >= 500', 'true'),
  mutant('BR-RET-003', RETRY, 'if (Object.hasOwn(HTTP_ERRORS, code))', 'if (false)'),
  mutant('BR-RET-004', RETRY, 'MAX_DELAY_MS = 8_000', 'MAX_DELAY_MS = 30_000'),
  mutant('BR-RET-005', HTTP, 'attempt > maxRetries', 'attempt > maxRetries + 1'),
  mutant('BR-RET-006', RETRY, 'Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)', 'undefined'),
  mutant('BR-RET-007', RETRY, 'status !== 429 || ', 'true || '),
  mutant(
    'BR-WHK-001',
    WEBHOOK,
    '`${id}.${timestamp}.`), body)',
    '`${id}.${timestamp}.`), body.slice(0, -1))',
  ),
  mutant(
    'BR-WHK-002',
    WEBHOOK,
    "if (await crypto.subtle.verify('HMAC', key, signature, signed)) return;",
    'return;',
  ),
  mutant('BR-WHK-003', WEBHOOK, 'version === VERSION && text', 'text'),
  mutant('BR-WHK-004', WEBHOOK, 'DEFAULT_TOLERANCE_S = 300', 'DEFAULT_TOLERANCE_S = 301'),
  mutant('BR-WHK-005', WEBHOOK, "value.join(' ')", 'undefined'),
  mutant('BR-WHK-005', WEBHOOK, 'key.toLowerCase() === name', 'key === name'),
  mutant('BR-WHK-006', WEBHOOK, '[secrets].flat().map', '[secrets].flat().slice(0, 1).map'),
];
