/** Receives webhooks in a process of its own and keeps them as they came; they are checked when the clock is stopped. */
import { startChild } from './child.ts';

export interface WebhookTally {
  readonly received: number;
  /** Requests that at least one webhook tells of. */
  readonly requests: number;
  readonly unsigned: number;
}

export interface WebhookSink {
  readonly url: string;
  count(): Promise<number>;
  /** Resolves when `count` webhooks have come; rejects when none comes for 20 s. */
  until(count: number): Promise<void>;
  /** Checks every signature against any of the secrets, and forgets. */
  check(secrets: readonly string[]): Promise<WebhookTally>;
  readonly pid: number;
  stop(): Promise<void>;
}

export async function startWebhookSink(): Promise<WebhookSink> {
  const child = await startChild(new URL('./webhook-sink-process.ts', import.meta.url));
  const port = await child.ask<number>({ kind: 'port' });
  return {
    url: `http://127.0.0.1:${port}/`,
    count: () => child.ask({ kind: 'count' }),
    until: (count) => child.ask({ kind: 'until', count }),
    check: (secrets) => child.ask({ kind: 'check', secrets }),
    pid: child.pid,
    stop: child.stop,
  };
}
