/** A server for tests that answers model calls as the test scripts it, down to the single byte. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

export interface ModelRequest {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

export type Answer = (response: ServerResponse, request: ModelRequest) => void | Promise<void>;

export interface ScriptedOllama {
  readonly url: string;
  /** The model calls so far. */
  readonly requests: ModelRequest[];
  readonly sockets: Set<Socket>;
  /** What /api/tags lists; any value, to be wrong on purpose. */
  models: unknown;
  /** Sent instead of the answers to /api/version and /api/tags. */
  brokenProbe: string | undefined;
  /** Takes every call and answers none. */
  isHung: boolean;
  answer: Answer;
  stop(): Promise<void>;
}

export async function startScriptedOllama(answer: Answer = sayHello, port = 0): Promise<ScriptedOllama> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => void reply(request, response));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const scripted: ScriptedOllama = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    sockets,
    models: [{ name: 'llama3:8b', size: 1 }],
    brokenProbe: undefined,
    isHung: false,
    answer,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };

  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (scripted.isHung) return;
    if (request.method === 'GET') {
      const answers: Record<string, unknown> = {
        '/api/version': { version: '0.99.0' },
        '/api/tags': { models: scripted.models },
        '/api/ps': { models: scripted.models },
      };
      response.end(scripted.brokenProbe ?? JSON.stringify(answers[request.url ?? '']));
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const call = { path: request.url ?? '', body: JSON.parse(Buffer.concat(parts).toString()) };
    scripted.requests.push(call);
    await scripted.answer(response, call);
  }

  return scripted;
}

export function delta(response: string): string {
  return `${JSON.stringify({ model: 'm', response, done: false })}\n`;
}

export function done(more: object = {}): string {
  return `${JSON.stringify({ model: 'm', response: '', done: true, done_reason: 'stop', ...more })}\n`;
}

export const sayHello: Answer = (response) => void response.end(delta('Hello') + done());

/** Holds the answer until the test lets it go. */
export function hold(): { answer: Answer; arrived: Promise<void>; letGo: () => void } {
  const arrived = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  return {
    arrived: arrived.promise,
    letGo: gate.resolve,
    answer: async (response, request) => {
      arrived.resolve();
      await gate.promise;
      await sayHello(response, request);
    },
  };
}
