/** Makes one attempt: one POST to a checked address, and whatever happens becomes one result. */
import { Agent, request } from 'undici';
import type { Clock } from '../../kernel/clock.ts';
import type { DeliveryError } from './webhook-store.ts';
import { parseRetryAfterMs } from './retry-schedule.ts';
import { guardedConnector, problemOfUrl, type IsAllowed, type Resolve } from './ssrf-guard.ts';

export type SendResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfterMs: number | null;
      /** The beginning of the answer. */
      readonly excerpt: Buffer;
      readonly latencyMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly error: Extract<DeliveryError, 'timeout' | 'unreachable' | 'address_refused'>;
      readonly latencyMs: number;
    };

export interface Outgoing {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  /** Fires when the daemon stops. */
  readonly signal: AbortSignal;
}

export interface WebhookSender {
  send(outgoing: Outgoing): Promise<SendResult>;
  close(): Promise<void>;
}

interface SenderDeps {
  readonly clock: Clock;
  readonly isAllowed: IsAllowed;
  readonly resolve?: Resolve;
  /** For all of an attempt, from the name's resolution to the end of the answer. */
  readonly timeoutMs: number;
  readonly connectionsPerHost: number;
}

const USER_AGENT = 'Fila-Webhooks/1';
const READ_BYTES = 64 * 1024;
const KEPT_BYTES = 1024;

export function createSender({
  clock,
  isAllowed,
  resolve,
  timeoutMs,
  connectionsPerHost,
}: SenderDeps): WebhookSender {
  const agent = new Agent({
    connect: guardedConnector({ isAllowed, resolve, timeoutMs }),
    connections: connectionsPerHost,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  async function send({ url, headers, body, signal }: Outgoing): Promise<SendResult> {
    const startedMs = performance.now();
    const latencyMs = (): number => Math.round(performance.now() - startedMs);
    if (problemOfUrl(url, isAllowed) !== null)
      return { kind: 'failed', error: 'address_refused', latencyMs: 0 };
    const timeout = AbortSignal.timeout(timeoutMs);
    const over = AbortSignal.any([timeout, signal]);
    try {
      const answer = await request(new URL(url), {
        dispatcher: agent,
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'user-agent': USER_AGENT },
        body,
        signal: over,
      });
      const retryAfter = answer.headers['retry-after'];
      return {
        kind: 'answered',
        status: answer.statusCode,
        retryAfterMs: parseRetryAfterMs([retryAfter].flat()[0], clock.now()),
        excerpt: await beginningOf(answer.body),
        latencyMs: latencyMs(),
      };
    } catch (error) {
      return {
        kind: 'failed',
        error: timeout.aborted ? 'timeout' : errorOf(error as NodeJS.ErrnoException),
        latencyMs: latencyMs(),
      };
    }
  }

  return { send, close: () => agent.destroy() };
}

/** The status has decided already: an answer that breaks off, or never ends, changes nothing. */
async function beginningOf(body: AsyncIterable<Buffer> & { destroy(): void }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      if (bytes < KEPT_BYTES) chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= READ_BYTES) break;
    }
  } catch {
    // What came is the answer.
  }
  return Buffer.concat(chunks).subarray(0, KEPT_BYTES);
}

function errorOf(error: NodeJS.ErrnoException): 'timeout' | 'unreachable' | 'address_refused' {
  if (error.code === 'ADDRESS_REFUSED') return 'address_refused';
  return error.code === 'UND_ERR_CONNECT_TIMEOUT' ? 'timeout' : 'unreachable';
}
