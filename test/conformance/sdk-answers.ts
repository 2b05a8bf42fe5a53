/** What the TypeScript SDK makes of one case of the vectors; as a program, one case a line. */
import { createInterface } from 'node:readline';
import { Fila, InvalidWebhook, isFilaError } from '@fila/sdk';
import type { InternalOptions } from '../../packages/sdk/src/fila.ts';

export interface Given {
  readonly [name: string]: unknown;
}

type Json = Record<string, unknown>;
type HeadersIn = Record<string, string | string[]>;

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

const bytes = (body: unknown): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(body as string, 'base64'));
const BROKER = 'http://fila.test';

const ANSWERS: Readonly<Record<string, (given: Given) => Promise<Json>>> = {
  'signatures.json': signature,
  'retries.json': retry,
  'problems.json': problem,
  'calls.json': outgoing,
  'deliveries.json': deliveries,
  'streams.json': streams,
};

export async function answerCase(file: string, given: Given): Promise<Json | null> {
  return (await ANSWERS[file]?.(given)) ?? null;
}

async function signature({ body, headers, secrets, now }: Given): Promise<Json> {
  try {
    await client(async () => new Response()).webhooks.verify(
      bytes(body),
      headers as HeadersIn,
      secrets as string[],
      {
        now: (now as number) * 1000,
      },
    );
    return { valid: true };
  } catch (error) {
    return { valid: false, reason: (error as InvalidWebhook).reason };
  }
}

/** Through the client itself: how it behaves is asked, not how its parts do. */
async function retry(given: Given): Promise<Json> {
  const { status, code, retry_after: after, now, retries_done: done, max_retries: most, chance } = given;
  const slept: number[] = [];
  const maxRetries = Math.min(most as number, (done as number) + 1);
  const fila = client(
    async () => {
      if (status === null) throw new TypeError('fetch failed');
      const isLast = slept.length >= (done as number);
      const headers = new Headers(after === null ? [] : [['retry-after', String(after)]]);
      // What came before the case may be tried again, whatever the case is.
      return isLast
        ? new Response(JSON.stringify(code === null ? {} : { code }), { status: status as number, headers })
        : new Response('{}', { status: 503 });
    },
    { maxRetries, sleep: async (ms) => void slept.push(ms), random: () => chance as number },
  );
  await at(now as number, () => fila.requests.get('req_1').catch(() => null));
  const delay = slept[done as number];
  return delay === undefined ? { retry: false } : { retry: true, delay_ms: delay };
}

async function problem({ status, headers, body, now }: Given): Promise<Json> {
  const answer = new Response(bytes(body), {
    status: status as number,
    headers: headers as Record<string, string>,
  });
  try {
    const fila = client(async () => answer, { maxRetries: 0 });
    return { data: await at(now as number, () => fila.requests.get('req_1')) };
  } catch (error) {
    if (!isFilaError(error)) throw error;
    return {
      code: error.code,
      retryable: error.retryable,
      request_id: error.requestId ?? null,
      retry_after_ms: error.retryAfterMs ?? null,
      pointers: (error.errors ?? []).map(({ pointer }) => pointer),
    };
  }
}

async function outgoing(given: Given): Promise<Json> {
  let sent: Sent | undefined;
  const fila = client(
    async (url, init) => {
      sent = { url, init };
      return Response.json({ id: 'req_1', items: [], next_cursor: null });
    },
    { apiKey: given['key'] as string },
  );
  const { operation, id, query, body, idempotency_key: idempotencyKey, wait_seconds: waitSeconds } = given;
  const options = {
    idempotencyKey: idempotencyKey as string,
    waitSeconds: waitSeconds as number | undefined,
  };
  try {
    if (operation === 'create') await fila.requests.create(body as never, options);
    else if (operation === 'get') await fila.requests.get(id as string, { waitSeconds: options.waitSeconds });
    else if (operation === 'cancel') await fila.requests.cancel(id as string);
    else await fila.requests.list(query as never).page();
  } catch (error) {
    if (isFilaError(error) && error.code === 'invalid_argument' && !sent) return { refused: true };
    throw error;
  }
  const { url, init } = sent!;
  return {
    method: init.method,
    target: url.slice(BROKER.length),
    headers: Object.fromEntries(new Headers(init.headers)),
    body: init.body === undefined ? null : JSON.parse(init.body as string),
  };
}

/** Through the client: what it makes of connections that end where the case says. */
async function streams({ connections }: Given): Promise<Json> {
  const all = connections as string[][];
  const ids: string[] = [];
  const heard = { text: '', thinking: '', status: null as string | null, error: null as string | null };
  const fila = client(
    async (_url, init) => {
      if (ids.length === all.length) throw new TypeError('fetch failed');
      ids.push(new Headers(init.headers).get('last-event-id') ?? '');
      return eventStream(all[ids.length - 1]!.map(bytes));
    },
    { maxRetries: all.length, sleep: async () => undefined },
  );
  try {
    for await (const event of fila.requests.stream('req_1')) {
      if (event.type === 'restart') [heard.text, heard.thinking] = ['', ''];
      if (event.type === 'done') heard.status = event.request.status;
      if (event.type !== 'token') continue;
      heard.text += event.text ?? '';
      heard.thinking += event.thinking ?? '';
    }
  } catch (error) {
    if (!isFilaError(error)) throw error;
    // Connections were used up.
    heard.error = error.code === 'connection_failed' ? null : error.code;
  }
  return { ...heard, last_event_ids: ids };
}

function eventStream(parts: readonly Uint8Array<ArrayBuffer>[]): Response {
  const body = new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** As an application puts it together: unwrap, look at the type, and remember the id with the work. */
async function deliveries({ secrets, now, calls }: Given): Promise<Json> {
  const fila = client(async () => new Response());
  const seen = new Set<string>();
  const handled: string[] = [];
  const actions: string[] = [];
  for (const { headers, body } of calls as { headers: Record<string, string>; body: string }[])
    try {
      const event = await fila.webhooks.unwrap(bytes(body), headers, secrets as string[], {
        now: (now as number) * 1000,
      });
      const id = new Headers(headers).get('webhook-id')!;
      if (!event.type.startsWith('request.') || seen.has(id)) {
        actions.push('ignore');
        continue;
      }
      handled.push((event.data as { id: string }).id);
      seen.add(id);
      actions.push('handle');
    } catch (error) {
      if (!(error instanceof InvalidWebhook)) throw error;
      actions.push('refuse');
    }
  return { actions, accepted: actions.map((action) => action !== 'refuse'), handled };
}

function client(
  fetch: (url: string, init: RequestInit) => Promise<Response>,
  more: Partial<InternalOptions> = {},
): Fila {
  return new Fila({ url: BROKER, apiKey: 'fila_live_x', fetch, ...more });
}

/** With the clock at this second. */
async function at<T>(seconds: number, work: () => PromiseLike<T>): Promise<T> {
  const { now } = Date;
  Date.now = () => seconds * 1000;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

if (process.argv[1] === import.meta.filename)
  for await (const line of createInterface({ input: process.stdin })) {
    const { file, given } = JSON.parse(line) as { file: string; given: Given };
    console.log(JSON.stringify({ actual: await answerCase(file, given) }));
  }
