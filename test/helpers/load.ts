/** Clients that send prompts without a pause in mind, and write down how each call went. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Sent {
  readonly prompt: string;
  /** 0: no answer at all. */
  readonly status: number;
  readonly ms: number;
  /** Of an accepted request. */
  readonly id: string | null;
  /** When it was sent, by performance.now(). */
  readonly at: number;
  readonly retryAfter: string | null;
}

export interface Load {
  readonly sent: readonly Sent[];
  /** Resolves when no call is under way any more. */
  stop(): Promise<readonly Sent[]>;
}

let runs = 0;

/** Each client waits for its answer, then `pauseMs`, and sends the next prompt; no prompt is sent twice. */
export function startLoad(target: { url: string; key: string }, { clients = 4, pauseMs = 20 } = {}): Load {
  const run = ++runs;
  const sent: Sent[] = [];
  let isStopped = false;
  let count = 0;

  async function client(): Promise<void> {
    while (!isStopped) {
      sent.push(await send(target, `Load ${run}, prompt ${++count}`));
      await delay(pauseMs);
    }
  }

  const all = Promise.all(Array.from({ length: clients }, client));
  return {
    sent,
    stop: async () => {
      isStopped = true;
      await all;
      return sent;
    },
  };
}

export async function send({ url, key }: { url: string; key: string }, prompt: string): Promise<Sent> {
  const at = performance.now();
  const note = (status: number, id: string | null = null, retryAfter: string | null = null): Sent => {
    return { prompt, status, ms: performance.now() - at, id, at, retryAfter };
  };
  try {
    const response = await fetch(`${url}/api/v1/requests`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt }),
    });
    const body = (await response.json()) as { id?: string };
    return note(response.status, body.id ?? null, response.headers.get('retry-after'));
  } catch {
    return note(0);
  }
}
