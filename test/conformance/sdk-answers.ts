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
const JSON_LINES = 'application/x-ndjson';
const BROKER = 'http://fila.test';

const ANSWERS: Readonly<Record<string, (given: Given) => Promise<Json>>> = {
  'signatures.json': signature,
  'retries.json': retry,
  'problems.json': problem,
  'calls.json': outgoing,
  'deliveries.json': deliveries,
  'streams.json': streams,
  'batches.json': batches,
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
      lines: (error.errors ?? []).flatMap(({ line }) => line ?? []),
    };
  }
}

const OUTGOING: Readonly<Record<string, (fila: Fila, given: Given) => PromiseLike<unknown>>> = {
  create: (fila, { body, idempotency_key: idempotencyKey, wait_seconds: waitSeconds }) =>
    fila.requests.create(body as never, {
      idempotencyKey: idempotencyKey as string,
      waitSeconds: waitSeconds as number | undefined,
    }),
  get: (fila, { id, wait_seconds: waitSeconds }) =>
    fila.requests.get(id as string, { waitSeconds: waitSeconds as number | undefined }),
  cancel: (fila, { id }) => fila.requests.cancel(id as string),
  list: (fila, { query }) => fila.requests.list(query as never).page(),
  create_batch: (fila, { lines, idempotency_key: idempotencyKey }) =>
    fila.batches.create(lines as never, { idempotencyKey: idempotencyKey as string }),
  get_batch: (fila, { id }) => fila.batches.get(id as string),
  cancel_batch: (fila, { id }) => fila.batches.cancel(id as string),
  batch_results: (fila, { id, after }) =>
    fila.batches.results(id as string, { after: after as string }).next(),
  batch_errors: (fila, { id, after }) => fila.batches.errors(id as string, { after: after as string }).next(),
};

async function outgoing(given: Given): Promise<Json> {
  let sent: Sent | undefined;
  const fila = client(
    async (url, init) => {
      sent = { url, init };
      if (/\/(results|errors)/.test(url))
        return new Response('', { headers: { 'content-type': JSON_LINES } });
      return Response.json({ id: 'req_1', items: [], next_cursor: null });
    },
    { apiKey: given['key'] as string },
  );
  try {
    await OUTGOING[given['operation'] as string]!(fila, given);
  } catch (error) {
    if (isFilaError(error) && error.code === 'invalid_argument' && !sent) return { refused: true };
    throw error;
  }
  const { url, init } = sent!;
  const headers = Object.fromEntries(new Headers(init.headers));
  const answer = { method: init.method, target: url.slice(BROKER.length), headers };
  if (given['lines']) {
    const lines = (init.body as string).split('\n');
    // What stands behind the last line end is no line.
    const left = lines.pop();
    return { ...answer, lines: lines.map((line) => JSON.parse(line) as unknown), left };
  }
  return { ...answer, body: init.body === undefined ? null : JSON.parse(init.body as string) };
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
      const body = arriving(all[ids.length - 1]!.map(bytes), false);
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
    { maxRetries: all.length },
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

/** The same of the lines of a batch. */
async function batches({ connections, after }: Given): Promise<Json> {
  const all = connections as { parts: string[]; cut: boolean }[];
  const asked: string[] = [];
  const read: (string | null)[] = [];
  const fila = client(
    async (url) => {
      if (asked.length === all.length) throw new TypeError('fetch failed');
      asked.push(new URL(url).searchParams.get('after') ?? '');
      const { parts, cut } = all[asked.length - 1]!;
      return new Response(arriving(parts.map(bytes), cut), { headers: { 'content-type': JSON_LINES } });
    },
    { maxRetries: all.length },
  );
  let code: string | null = null;
  try {
    for await (const { custom_id } of fila.batches.results('bat_1', { after: after as string }))
      read.push(custom_id);
  } catch (error) {
    if (!isFilaError(error)) throw error;
    code = error.code === 'connection_failed' ? null : error.code;
  }
  return { read, after: asked, error: code };
}

function arriving(parts: readonly Uint8Array<ArrayBuffer>[], isCut: boolean): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream({
    pull: (controller) => {
      const part = left.shift();
      if (part) controller.enqueue(part);
      else if (isCut) controller.error(new TypeError('terminated'));
      else controller.close();
    },
  });
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
  return new Fila({ url: BROKER, apiKey: 'fila_live_x', fetch, sleep: async () => undefined, ...more });
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
