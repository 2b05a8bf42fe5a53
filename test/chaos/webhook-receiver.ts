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
  /** A third of the calls meet a mishap; drawn from here. */
  readonly chance: Chance;
  /** Errors, silence and resets unless given. */
  readonly mishaps?: readonly Mishap[] | undefined;
}

/** `gone` is 410; `redirect` leads to the same place; `slow-body` takes the webhook and never ends its answer. */
export type Mishap = 'error' | 'silence' | 'reset' | 'gone' | 'redirect' | 'slow-body';

const MISHAPS: readonly Mishap[] = ['error', 'silence', 'reset'];
const PATH = '/webhook';
const MISHAP_SHARE = 1 / 3;

export async function startWebhookReceiver({
  history,
  secrets,
  chance,
  mishaps = MISHAPS,
}: ReceiverPlan): Promise<WebhookReceiver> {
  let isHealthy = false;
  const server = createServer(async (request, response) => {
    const body = await textOf(request).catch(() => null);
    if (body === null) return;
    const isUnlucky = !isHealthy && mishaps.length > 0 && chance.happens(MISHAP_SHARE);
    const mishap = isUnlucky ? chance.pick(mishaps) : null;
    if (mishap === 'gone') return void response.writeHead(410).end();
    if (mishap === 'redirect') return void response.writeHead(307, { location: '/elsewhere' }).end();
    if (mishap === 'reset') return void request.socket.resetAndDestroy();
    if (mishap === 'silence') return;
    if (mishap === null && request.url !== PATH) return void response.writeHead(404).end();
    if (mishap === 'error') return void response.writeHead(500).end();
    history.receive({
      messageId: String(request.headers['webhook-id']),
      requestId: requestIdIn(body),
      isSigned: secrets.some((secret) => isSignedWith(secret, body, request)),
    });
    if (mishap === 'slow-body') return void response.writeHead(200).write('And then');
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`,
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
