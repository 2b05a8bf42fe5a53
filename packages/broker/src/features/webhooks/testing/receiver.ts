/** A real receiver for tests: verifies every call as any Standard Webhooks receiver would, and answers as told. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { onTestFinished, vi } from 'vitest';
import type { WebhookEvent } from '../../../kernel/contract.generated.ts';

export interface Heard {
  readonly id: string;
  readonly atMs: number;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: WebhookEvent;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** hang: nothing ever comes; drop: the connection breaks. */
  readonly instead?: 'hang' | 'drop';
}

export interface Receiver {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Verified calls, also those that were answered with an error. */
  readonly heard: Heard[];
  /** Calls that no known secret has signed, or of a time too far off. */
  readonly refused: string[];
  /** Secrets it knows. */
  readonly secrets: string[];
  /** Connections open now. */
  connections(): number;
  reply: (call: Heard, count: number) => Reply | Promise<Reply>;
}

/** Stops with its test. `now` is the receiver's clock. */
export async function startReceiver(
  reply: Receiver['reply'] = () => ({}),
  now: () => number = Date.now,
): Promise<Receiver> {
  const server = createServer((request, response) => {
    void readBody(request).then((body) => hear(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    socket.once('close', () => (open -= 1));
  });
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  const receiver: Receiver = {
    ...{ url: `http://${host}/hook?token=canary-in-url`, host, port, heard: [], refused: [], secrets: [] },
    connections: () => open,
    reply,
  };

  async function hear(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const problem = receiver.secrets.map((secret) => problemOf(secret, body, { request, now: now() }));
    if (!problem.includes(null)) {
      receiver.refused.push(problem.join() || 'no secret');
      response.writeHead(401).end();
      return;
    }
    const call: Heard = {
      id: String(request.headers['webhook-id']),
      atMs: now(),
      path: request.url ?? '',
      headers: request.headers,
      body,
      event: JSON.parse(body) as WebhookEvent,
    };
    receiver.heard.push(call);
    const answer = await receiver.reply(call, receiver.heard.length);
    if (answer.instead === 'hang') return;
    if (answer.instead === 'drop') request.socket.destroy();
    else response.writeHead(answer.status ?? 204, answer.headers).end(answer.body);
  }

  return receiver;
}

/** The reference library asks Date for the time; for the length of its call that is the receiver's clock. */
function problemOf(
  secret: string,
  body: string,
  { request, now }: { request: IncomingMessage; now: number },
): string | null {
  const date = vi.spyOn(Date, 'now').mockReturnValue(now);
  try {
    new Webhook(secret).verify(body, request.headers as Record<string, string>);
    return null;
  } catch (error) {
    return String(error);
  } finally {
    date.mockRestore();
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
