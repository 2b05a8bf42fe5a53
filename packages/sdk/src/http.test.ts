import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Aborted, ConnectionFailed, InvalidRequest, TimedOut, type FilaError } from './errors.ts';
import { SDK_VERSION, type Attempt } from './http.ts';
import { aClient, ADMIN_TOKEN, API_KEY, aProblem, aRequest, REQUEST_ID } from './testing/samples.ts';
import { scriptedServer } from './testing/scripted-server.ts';

const good = { json: aRequest() };
const failureOf = (promise: PromiseLike<unknown>): Promise<FilaError> =>
  Promise.resolve(promise).then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as FilaError,
  );

describe('what is sent', () => {
  it('carries the key, what is accepted, and who asks', async () => {
    const server = await scriptedServer([good]);
    const { fila } = aClient(server.url, { userAgent: 'shop/2.0' });
    await fila.requests.create({ prompt: 'Grüße' }, { headers: { traceparent: '00-abc' } });
    expect(server.calls[0]).toMatchObject({
      method: 'POST',
      url: '/api/v1/requests',
      body: '{"prompt":"Grüße"}',
    });
    expect(server.calls[0]?.headers).toMatchObject({
      authorization: `Bearer ${API_KEY}`,
      accept: 'application/json, application/problem+json',
      'content-type': 'application/json',
      'user-agent': `fila-sdk/${SDK_VERSION} shop/2.0`,
      traceparent: '00-abc',
    });
  });

  it('names the version of the package', () => {
    const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ version: SDK_VERSION });
  });

  it('has no content type where there is no body', async () => {
    const server = await scriptedServer([good]);
    await aClient(server.url).fila.requests.cancel(REQUEST_ID);
    expect(server.calls[0]?.headers).not.toHaveProperty('content-type');
  });

  it.each(['', '..', 'a/b', 'a?b', undefined])('refuses the id %o before anything is sent', async (id) => {
    const server = await scriptedServer([]);
    const { fila } = aClient(server.url);
    const error = await failureOf(fila.keys.revoke(id as string));
    expect(error).toBeInstanceOf(InvalidRequest);
    expect(error.code).toBe('invalid_argument');
    expect(server.calls).toEqual([]);
  });

  it('refuses a body that is not JSON, and a header that cannot be sent, without quoting them', async () => {
    const server = await scriptedServer([]);
    const { fila } = aClient(server.url);
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    expect(await failureOf(fila.requests.create({ prompt: 'x', metadata: loop }))).toBeInstanceOf(
      InvalidRequest,
    );
    const error = await failureOf(fila.requests.get(REQUEST_ID, { headers: { a: 'top\nsecret' } }));
    expect(error.code).toBe('invalid_argument');
    expect(`${error.stack} ${String(error.cause)}`).not.toContain('secret');
    expect(server.calls).toEqual([]);
  });
});

describe('what comes back', () => {
  it('is data, and on demand status, headers and the id of the call', async () => {
    const server = await scriptedServer([
      { status: 202, json: aRequest(), headers: { 'x-request-id': 'call-7', location: '/x' } },
    ]);
    const answer = await aClient(server.url).fila.requests.create({ prompt: 'x' }).withResponse();
    expect(answer).toMatchObject({ data: aRequest(), status: 202, requestId: 'call-7' });
    expect(answer.headers.get('location')).toBe('/x');
  });

  it('is a typed error with all that the problem says', async () => {
    const errors = [{ pointer: '/prompt', detail: 'is empty' }];
    const server = await scriptedServer([aProblem(422, 'validation_failed', { errors })]);
    const error = await failureOf(aClient(server.url).fila.requests.create({ prompt: '' }));
    expect(error).toMatchObject({
      name: 'InvalidRequest',
      code: 'validation_failed',
      status: 422,
      detail: 'What is wrong.',
      requestId: 'call-1',
      retryable: false,
      errors,
    });
  });

  it('is a typed error with a short text when a proxy answers', async () => {
    const html = `<html><head><title>t</title></head><body><h1>Bad Gateway</h1>${'x'.repeat(5_000)}</body></html>`;
    const server = await scriptedServer([{ status: 502, text: html }]);
    const error = await failureOf(aClient(server.url, { maxRetries: 0 }).fila.requests.get(REQUEST_ID));
    expect(error).toMatchObject({ name: 'Unavailable', code: 'http_502', status: 502, retryable: true });
    expect(error.detail).toContain('502: Bad Gateway');
    expect(error.detail).not.toContain('<');
    expect(error.detail.length).toBeLessThan(300);
  });

  it.each(['null', '"text"', '', '{"error":{"code":7}}', '{"code":"odd","detail":{}}'])(
    'is a typed error with a text when the error body is %s',
    async (text) => {
      const server = await scriptedServer([{ status: 404, text }]);
      const error = await failureOf(aClient(server.url).fila.requests.get(REQUEST_ID));
      expect(error).toMatchObject({ name: 'NotFound', status: 404, retryable: false });
      expect(error.message).toMatch(/answered 404/);
    },
  );

  it.each(['<html>Sign in</html>', '', '"ok"', 'null', '{"key":"fila_live_new'])(
    'is an error without a quote when a good status has the body %s',
    async (text) => {
      const server = await scriptedServer([{ status: 200, text }]);
      const error = await failureOf(aClient(server.url).fila.requests.get(REQUEST_ID));
      expect(error).toMatchObject({
        name: 'FilaError',
        code: 'invalid_answer',
        status: 200,
        retryable: false,
      });
      expect(error.cause).toBeUndefined();
      expect(error.detail).not.toMatch(/Sign|fila_live/);
      expect(server.calls).toHaveLength(1);
    },
  );

  it('is an error when the server points elsewhere: nothing is sent there', async () => {
    const elsewhere = await scriptedServer([good]);
    const server = await scriptedServer([{ status: 307, headers: { location: `${elsewhere.url}/api` } }]);
    const error = await failureOf(aClient(server.url).fila.requests.create({ prompt: 'private' }));
    expect(error).toMatchObject({ code: 'http_307', status: 307, retryable: false });
    expect(elsewhere.calls).toEqual([]);
  });
});

describe('retries', () => {
  it('repeats what may pass, twice, with growing pauses, then fails with the last error', async () => {
    const server = await scriptedServer([
      { instead: 'drop' },
      { status: 502, text: 'no' },
      aProblem(503, 'unavailable'),
    ]);
    const { fila, pauses } = aClient(server.url);
    const error = await failureOf(fila.requests.get(REQUEST_ID));
    expect(error.code).toBe('unavailable');
    expect(server.calls).toHaveLength(3);
    expect(pauses).toEqual([250, 500]);
  });

  it.each([
    { name: 'a lost connection', reply: { instead: 'drop' as const } },
    { name: 'an answer cut short', reply: { instead: 'cut' as const, json: aRequest() } },
    { name: '408', reply: { status: 408, text: '' } },
    { name: '429', reply: { status: 429, text: '' } },
    { name: '500', reply: aProblem(500, 'internal_error') },
    { name: '503', reply: aProblem(503, 'unavailable') },
  ])('succeeds after $name', async ({ reply }) => {
    const server = await scriptedServer([reply, good]);
    expect(await aClient(server.url).fila.requests.get(REQUEST_ID)).toEqual(aRequest());
  });

  it.each([
    aProblem(400, 'bad_request'),
    aProblem(401, 'unauthorized'),
    aProblem(404, 'not_found'),
    aProblem(409, 'conflict'),
    aProblem(422, 'validation_failed'),
    { status: 409, text: 'no' },
  ])('does not repeat after $status', async (reply) => {
    const server = await scriptedServer([reply, good]);
    const error = await failureOf(aClient(server.url).fila.requests.cancel(REQUEST_ID));
    expect(error.retryable).toBe(false);
    expect(server.calls).toHaveLength(1);
  });

  it('waits as long as the server asks, in seconds, as a date or in the body', async () => {
    const inTen = new Date(Date.now() + 10_500).toUTCString();
    const server = await scriptedServer([
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503, headers: { 'retry-after': inTen } },
      aProblem(503, 'unavailable', { retry_after: 3 }),
      good,
    ]);
    const { fila, pauses } = aClient(server.url, { maxRetries: 3 });
    await fila.requests.get(REQUEST_ID);
    expect(pauses).toEqual([7_000, expect.any(Number), 3_000]);
    expect(pauses[1]).toBeGreaterThan(5_000);
    expect(pauses[1]).toBeLessThanOrEqual(10_500);
  });

  it('does not wait longer than a minute, and tells the caller what was asked', async () => {
    const away = { status: 503, headers: { 'retry-after': '3600' } };
    const server = await scriptedServer([away, away]);
    const { fila, pauses } = aClient(server.url, { maxRetries: 1 });
    const error = await failureOf(fila.requests.get(REQUEST_ID));
    expect(error).toMatchObject({ name: 'Unavailable', retryAfterMs: 3_600_000, retryable: true });
    expect(pauses).toEqual([250]);
  });

  it('can be switched off, for the client or for one call', async () => {
    const server = await scriptedServer(() => aProblem(503, 'unavailable'));
    await failureOf(aClient(server.url, { maxRetries: 0 }).fila.requests.get(REQUEST_ID));
    await failureOf(aClient(server.url).fila.requests.get(REQUEST_ID, { maxRetries: 0 }));
    expect(server.calls).toHaveLength(2);
  });

  it('says that nobody listens when nobody listens', async () => {
    const server = await scriptedServer([]);
    await server.stop();
    const { fila, pauses } = aClient(server.url);
    const error = await failureOf(fila.requests.get(REQUEST_ID));
    expect(error).toBeInstanceOf(ConnectionFailed);
    expect(error.detail).toBe(`The connection to ${server.url} failed: ECONNREFUSED.`);
    expect(error).toMatchObject({ code: 'connection_failed', retryable: true });
    expect(pauses).toHaveLength(2);
  });
});

describe('time and abort', () => {
  it('gives each attempt its own time, then repeats', async () => {
    const server = await scriptedServer([{ instead: 'hang' }, good]);
    const { fila } = aClient(server.url, { timeoutMs: 100 });
    expect(await fila.requests.get(REQUEST_ID)).toEqual(aRequest());
    expect(server.calls).toHaveLength(2);
  });

  it('is TimedOut when no attempt was in time', async () => {
    const server = await scriptedServer(() => ({ instead: 'hang' }));
    const error = await failureOf(
      aClient(server.url).fila.requests.get(REQUEST_ID, { timeoutMs: 50, maxRetries: 1 }),
    );
    expect(error).toBeInstanceOf(TimedOut);
    expect(error).toMatchObject({ code: 'timed_out', retryable: true });
    expect(error.detail).toContain(`GET /api/v1/requests/${REQUEST_ID}`);
    expect(server.calls).toHaveLength(2);
  });

  it('lets the broker take the time it was asked to wait on top', async () => {
    const server = await scriptedServer(async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return good;
    });
    const { fila } = aClient(server.url, { timeoutMs: 50, maxRetries: 0 });
    await fila.requests.get(REQUEST_ID, { waitSeconds: 5 });
    expect(server.calls[0]?.headers.prefer).toBe('wait=5');
  });

  it('has no limit with Infinity', async () => {
    const server = await scriptedServer([good]);
    await aClient(server.url, { timeoutMs: Infinity, maxRetries: 0 }).fila.requests.get(REQUEST_ID);
  });

  it.each([0, 2])(
    'stops at once when the caller says so during an attempt, with %i retries',
    async (maxRetries) => {
      const controller = new AbortController();
      const server = await scriptedServer(() => {
        controller.abort(new Error('the user left'));
        return { instead: 'hang' };
      });
      const attempts: Attempt[] = [];
      const { fila } = aClient(server.url, { maxRetries, onAttempt: (attempt) => attempts.push(attempt) });
      const error = await failureOf(fila.requests.get(REQUEST_ID, { signal: controller.signal }));
      expect(error).toBeInstanceOf(Aborted);
      expect(error).toMatchObject({ code: 'aborted', retryable: false, cause: new Error('the user left') });
      expect(attempts).toMatchObject([{ attempt: 1, error: 'aborted' }]);
      expect(server.calls).toHaveLength(1);
    },
  );

  it('stops at once when the caller says so between two attempts', async () => {
    const controller = new AbortController();
    const server = await scriptedServer([{ status: 503, headers: { 'retry-after': '60' } }]);
    const onAttempt = (): void => void setTimeout(() => controller.abort(), 20);
    const { fila } = aClient(server.url, { onAttempt, sleep: undefined });
    const error = await failureOf(fila.requests.get(REQUEST_ID, { signal: controller.signal }));
    expect(error).toBeInstanceOf(Aborted);
    expect(server.calls).toHaveLength(1);
  });

  it('sends nothing when the caller has said so before', async () => {
    const server = await scriptedServer([good]);
    const error = await failureOf(
      aClient(server.url).fila.requests.get(REQUEST_ID, { signal: AbortSignal.abort() }),
    );
    expect(error).toBeInstanceOf(Aborted);
    expect(server.calls).toEqual([]);
  });
});

describe('the hook', () => {
  it('hears of each attempt, without query, bodies or keys', async () => {
    const server = await scriptedServer([
      { instead: 'drop' },
      aProblem(503, 'unavailable'),
      { json: { items: [], next_cursor: null } },
    ]);
    const attempts: Attempt[] = [];
    const { fila } = aClient(server.url, { onAttempt: (attempt) => attempts.push(attempt) });
    await fila.requests.list({ model: 'secret-model' }).page();
    const same = { method: 'GET', path: '/api/v1/requests', durationMs: expect.any(Number) };
    expect(attempts).toEqual([
      { ...same, attempt: 1, status: undefined, error: 'connection_failed' },
      { ...same, attempt: 2, status: 503, error: 'unavailable' },
      { ...same, attempt: 3, status: 200, error: undefined },
    ]);
    expect(JSON.stringify(attempts)).not.toMatch(new RegExp(`secret|${API_KEY}|${ADMIN_TOKEN}`));
  });

  it('does not decide how the call ends', async () => {
    const server = await scriptedServer([good]);
    const onAttempt = (): void => {
      throw new Error('the log is full');
    };
    expect(await aClient(server.url, { onAttempt }).fila.requests.get(REQUEST_ID)).toEqual(aRequest());
  });
});
