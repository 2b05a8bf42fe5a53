/** Makes one attempt: one POST to a checked address, and whatever happens becomes one result. */
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../../kernel/clock.ts';
import type { DeliveryError } from './webhook-store.ts';
import { parseRetryAfterMs } from './retry-schedule.ts';
import type { KnownUrl } from './remembered-urls.ts';
import { guardedConnector, type IsAllowed, type Resolve } from './ssrf-guard.ts';

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
}

export interface WebhookSender {
  send(outgoing: Outgoing): Promise<SendResult>;
  close(): Promise<void>;
}

interface SenderDeps {
  readonly clock: Clock;
  readonly isAllowed: IsAllowed;
  readonly known: (url: string) => KnownUrl;
  readonly resolve?: Resolve;
  /** For all of an attempt, from the name's resolution to the end of the answer. */
  readonly timeoutMs: number;
  readonly connectionsPerHost: number;
  /** Fires when the daemon stops: whatever is under way ends. */
  readonly signal: AbortSignal;
}

const USER_AGENT = 'Fila-Webhooks/1';
const READ_BYTES = 64 * 1024;
const KEPT_BYTES = 1024;
const NOTHING = Buffer.alloc(0);

export function createSender(deps: SenderDeps): WebhookSender {
  const { clock, isAllowed, resolve, timeoutMs, signal } = deps;
  const agent = new Agent({
    connect: guardedConnector({ isAllowed, resolve, timeoutMs }),
    connections: deps.connectionsPerHost,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const running = new Set<Exchange>();
  signal.addEventListener('abort', () => running.forEach((exchange) => exchange.breakOff('unreachable')));

  async function send({ url, headers, body }: Outgoing): Promise<SendResult> {
    const target = deps.known(url);
    if (target.problem !== null) return { kind: 'failed', error: 'address_refused', latencyMs: 0 };
    const { origin, path } = target;
    return new Promise((resolveSent) => {
      const exchange = new Exchange(clock, (result) => {
        clearTimeout(timer);
        running.delete(exchange);
        resolveSent(result);
      });
      const timer = setTimeout(() => exchange.breakOff('timeout'), timeoutMs);
      running.add(exchange);
      if (signal.aborted) return exchange.breakOff('unreachable');
      const all = { ...headers, 'content-type': 'application/json', 'user-agent': USER_AGENT };
      try {
        agent.dispatch({ origin, path, method: 'POST', headers: all, body }, exchange);
      } catch (error) {
        exchange.onResponseError(null, error as Error);
      }
    });
  }

  return { send, close: () => agent.destroy() };
}

/** One POST under way, as undici tells of it. The first end is the one that counts. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #startedMs = performance.now();
  readonly #clock: Clock;
  readonly #onEnd: (result: SendResult) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #status = 0;
  #retryAfterMs: number | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(clock: Clock, onEnd: (result: SendResult) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** Ends it now, on the wire as well, or before it comes to that. */
  breakOff(error: 'timeout' | 'unreachable'): void {
    this.#end(error);
    this.#controller?.abort(new Error('The attempt was broken off.'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('The attempt was broken off.'));
  }

  onResponseStart(
    _controller: unknown,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    const retryAfter = headers['retry-after'];
    if (retryAfter !== undefined)
      this.#retryAfterMs = parseRetryAfterMs([retryAfter].flat()[0], this.#clock.now());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#bytes < KEPT_BYTES) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < READ_BYTES) return;
    this.#end('unreachable');
    controller.abort(new Error('The answer is too long.'));
  }

  onResponseEnd(): void {
    this.#end('unreachable');
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#end(errorOf(error));
  }

  /** The status has decided already: an answer that breaks off, or never ends, changes nothing. `error` is for no answer. */
  #end(error: 'timeout' | 'unreachable' | 'address_refused'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const latencyMs = Math.round(performance.now() - this.#startedMs);
    if (this.#status === 0) return this.#onEnd({ kind: 'failed', error, latencyMs });
    const { length } = this.#chunks;
    const excerpt = length === 0 ? NOTHING : Buffer.concat(this.#chunks).subarray(0, KEPT_BYTES);
    const [status, retryAfterMs] = [this.#status, this.#retryAfterMs];
    this.#onEnd({ kind: 'answered', status, retryAfterMs, excerpt, latencyMs });
  }
}

function errorOf(error: NodeJS.ErrnoException): 'timeout' | 'unreachable' | 'address_refused' {
  if (error.code === 'ADDRESS_REFUSED') return 'address_refused';
  return error.code === 'UND_ERR_CONNECT_TIMEOUT' ? 'timeout' : 'unreachable';
}
