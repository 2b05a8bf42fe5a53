/** The process behind webhook-sink.ts. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { WebhookTally } from './webhook-sink.ts';

interface Order {
  readonly kind: 'port' | 'count' | 'until' | 'check';
  readonly number: number;
  readonly count?: number;
  readonly secrets?: readonly string[];
}

const PATIENCE_MS = 20_000;

let received: { headers: IncomingHttpHeaders; body: string }[] = [];
let waiting: { count: number; resolve: () => void } | null = null;
let lastAtMs = 0;

const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    received.push({ headers: request.headers, body: Buffer.concat(pieces).toString('utf8') });
    lastAtMs = performance.now();
    response.writeHead(204).end();
    if (waiting && received.length >= waiting.count) waiting.resolve();
  });
}).listen(0, '127.0.0.1');
await once(server, 'listening');

function until(count: number): Promise<void> {
  if (received.length >= count) return Promise.resolve();
  lastAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (performance.now() - lastAtMs < PATIENCE_MS) return;
      clearInterval(timer);
      reject(new Error(`Only ${received.length} of ${count} webhooks came.`));
    }, 500);
    waiting = {
      count,
      resolve: () => {
        clearInterval(timer);
        resolve();
      },
    };
  });
}

function check(secrets: readonly string[]): WebhookTally {
  const verifiers = secrets.map((secret) => new Webhook(secret));
  const requests = new Set<string>();
  let unsigned = 0;
  for (const { headers, body } of received) {
    const isSigned = verifiers.some((verifier) => {
      try {
        verifier.verify(body, headers as Record<string, string>);
        return true;
      } catch {
        return false;
      }
    });
    if (!isSigned) unsigned += 1;
    requests.add((JSON.parse(body) as { data: { id: string } }).data.id);
  }
  const tally = { received: received.length, requests: requests.size, unsigned };
  received = [];
  return tally;
}

async function answer({ kind, count = 0, secrets = [] }: Order): Promise<unknown> {
  if (kind === 'port') return (server.address() as AddressInfo).port;
  if (kind === 'count') return received.length;
  if (kind === 'until') return until(count);
  return check(secrets);
}

process.on('message', (order: Order) => {
  answer(order).then(
    (result) => process.send!({ number: order.number, result }),
    (error: unknown) => process.send!({ number: order.number, problem: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send!({ number: 0 });
