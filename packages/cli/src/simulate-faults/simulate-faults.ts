/**
 * A bad network before a real broker, for tests of clients: it passes calls on, and does wrong what it is told to.
 *
 * GET  /_simulate   what it will do, and the calls it has seen
 * POST /_simulate   a FaultPatch, such as `{"next": [{"fault": "drop_after"}]}`; what was seen is forgotten
 */
import { once } from 'node:events';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFaults, problemOf, type FaultPatch, type FaultRule } from './faults.ts';

export { FAULTS, type FaultName } from './faults.ts';

export interface SimulatedFaults {
  readonly url: string;
  stop(): Promise<void>;
}

/** A call as it came, before anything was done with it. */
interface Seen {
  readonly method: string;
  readonly path: string;
  readonly fault: string | null;
  /** The same in all attempts of one call, if the client is right. */
  readonly idempotency_key: string | null;
  readonly last_event_id: string | null;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly rule: FaultRule | null;
}

const CONTROL = '/_simulate';
const MOST_SEEN = 1_000;
const DEFAULT_CUT = 100;
const HTML = '<html><body><h1>Not Fila</h1></body></html>';

const CANNED: Readonly<Record<string, readonly [number, Record<string, string>, string]>> = {
  error_503: problem(503, 'unavailable', 'The broker cannot do this now'),
  rate_limited: problem(429, 'rate_limited', 'A limit is reached'),
  proxy_502: [502, { 'content-type': 'text/html' }, HTML],
  html_200: [200, { 'content-type': 'text/html' }, HTML],
  redirect: [302, { location: 'http://127.0.0.1:9/elsewhere' }, ''],
};

export async function startSimulatedFaults(options: {
  readonly target: string;
  readonly host?: string;
  readonly port?: number;
}): Promise<SimulatedFaults> {
  const faults = createFaults();
  let seen: Seen[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    if (request.url === CONTROL) return control(request, response, body);
    const rule = faults.take();
    const { method = '', url: path = '', headers } = request;
    seen.push({
      ...{ method, path, fault: rule?.fault ?? null },
      idempotency_key: headers['idempotency-key']?.toString() ?? null,
      last_event_id: headers['last-event-id']?.toString() ?? null,
    });
    if (seen.length > MOST_SEEN) seen.shift();
    if (rule?.fault === 'hang') return;
    if (rule?.fault === 'drop_before') return void request.socket.destroy();
    const canned = rule && CANNED[rule.fault];
    if (canned) return void response.writeHead(canned[0], canned[1]).end(canned[2]);
    await pass(options.target, { request, response, body, rule });
  }

  function control(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const patch = request.method === 'POST' ? parsed(body) : {};
    const wrong = problemOf(patch);
    if (!wrong && request.method === 'POST') {
      faults.apply(patch as FaultPatch);
      seen = [];
    }
    const answer = wrong ? { error: wrong } : { ...faults.state(), calls: seen };
    response.writeHead(wrong ? 400 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host ?? '127.0.0.1'}:${port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Hands a call on, and its answer back as far as the rule lets it. */
async function pass(target: string, call: Call): Promise<void> {
  const { request, response, rule } = call;
  if (rule?.fault === 'twice') (await forwarded(target, call)).resume();
  const answer = await forwarded(target, call);
  if (rule?.fault === 'drop_after') {
    await answer.toArray();
    return void request.socket.destroy();
  }
  response.socket!.setNoDelay(true);
  response.writeHead(answer.statusCode!, answer.headers);
  let left = rule?.fault === 'cut' ? (rule.bytes ?? DEFAULT_CUT) : Infinity;
  for await (const part of answer as AsyncIterable<Buffer>) {
    const shown = part.subarray(0, left);
    left -= shown.length;
    const pieces = rule?.fault === 'byte_by_byte' ? Array.from(shown, (byte) => Buffer.of(byte)) : [shown];
    for (const piece of pieces) await new Promise((resolve) => response.write(piece, resolve));
    if (left <= 0) return void request.socket.destroySoon();
  }
  response.end();
}

async function forwarded(target: string, { request, response, body, rule }: Call): Promise<IncomingMessage> {
  const { prefer, ...others } = request.headers;
  const wish = prefer === undefined || rule?.fault === 'no_wait' ? {} : { prefer };
  const headers = { ...others, ...wish, host: new URL(target).host };
  const sent = ask(new URL(request.url!, target), { method: request.method, headers });
  response.once('close', () => void sent.destroy());
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

function problem(status: number, code: string, title: string): [number, Record<string, string>, string] {
  const body = { type: `urn:fila:error:${code}`, title, status, code, detail: 'Simulated.', retry_after: 1 };
  const headers = { 'content-type': 'application/problem+json', 'retry-after': '1' };
  return [status, headers, JSON.stringify(body)];
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return null;
  }
}
