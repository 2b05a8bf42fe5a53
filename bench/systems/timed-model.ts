/** A model that writes its tokens at an even pace, numbered, and remembers when each was written: what a listener's delay is counted from. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TimedModel {
  readonly url: string;
  /** By prompt: when its token 0, 1, 2 … was written, on the clock of performance.now(). */
  readonly writtenAtMs: ReadonlyMap<string, readonly number[]>;
  stop(): void;
}

const MODEL = 'llama3:8b';
const ABOUT = { name: MODEL, model: MODEL, size: 1, digest: 'd', modified_at: '2026-01-01T00:00:00Z' };
const QUERIES: Readonly<Record<string, object>> = {
  '/api/version': { version: '0.30.0' },
  '/api/tags': { models: [{ ...ABOUT, details: {} }] },
  '/api/ps': { models: [] },
};

export async function startTimedModel(tokens: number, everyMs: number): Promise<TimedModel> {
  const writtenAtMs = new Map<string, number[]>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const about = QUERIES[request.url!];
    if (about) return void response.end(JSON.stringify(about));
    let body = '';
    for await (const part of request) body += String(part);
    const { prompt, messages } = JSON.parse(body) as { prompt?: string; messages?: { content: string }[] };
    const times: number[] = [];
    writtenAtMs.set(prompt ?? messages!.at(-1)!.content, times);
    const line = (text: string, more: object): string =>
      `${JSON.stringify({ model: MODEL, ...(messages ? { message: { role: 'assistant', content: text } } : { response: text }), ...more })}\n`;
    response.socket!.setNoDelay(true);
    const timer = setInterval(() => {
      if (times.length < tokens) {
        response.write(line(` ${times.push(performance.now()) - 1}`, { done: false }));
        return;
      }
      clearInterval(timer);
      response.end(line('', { done: true, done_reason: 'stop', eval_count: tokens }));
    }, everyMs);
    response.once('close', () => clearInterval(timer));
  }

  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writtenAtMs,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
