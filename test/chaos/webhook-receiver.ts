/** Receives webhooks as a client of Fila would, badly at times, and writes down what it took. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Chance } from './chance.ts';
import type { History } from './history.ts';

export interface WebhookReceiver {
  readonly url: string;
  /** Takes everything from now on: for the end of a run. */
  heal(): void;
  stop(): Promise<void>;
}

export interface ReceiverPlan {
  readonly history: History;
  /** One of them signed it. */
  readonly secrets: readonly string[];
  /** A third of the calls get an error, no answer, or a reset; drawn from here. */
  readonly chance: Chance;
}

const MISHAPS = ['error', 'silence', 'reset'] as const;
const MISHAP_SHARE = 1 / 3;

export async function startWebhookReceiver({
  history,
  secrets,
  chance,
}: ReceiverPlan): Promise<WebhookReceiver> {
  let isHealthy = false;
  const server = createServer(async (request, response) => {
    const body = await textOf(request).catch(() => null);
    if (body === null) return;
    const mishap = !isHealthy && chance.happens(MISHAP_SHARE) ? chance.pick(MISHAPS) : null;
    if (mishap === 'reset') return void request.socket.resetAndDestroy();
    if (mishap === 'silence') return;
    if (mishap === 'error') return void response.writeHead(500).end();
    history.receive({
      messageId: String(request.headers['webhook-id']),
      requestId: requestIdIn(body),
      isSigned: secrets.some((secret) => isSignedWith(secret, body, request)),
    });
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`,
    heal: () => {
      isHealthy = true;
      server.closeAllConnections();
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

/** The id of the request stands in the payload once, wherever its shape puts it. */
function requestIdIn(body: string): string {
  return /"(req_[0-9a-z]{26})"/.exec(body)?.[1] ?? 'none';
}

function isSignedWith(secret: string, body: string, { headers }: IncomingMessage): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
