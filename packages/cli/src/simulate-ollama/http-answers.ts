/** One HTTP call as the routes see it, and the plain ways to answer it. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: string;
  readonly body: string;
  /** Goes when the caller leaves before the answer is complete. */
  readonly signal: AbortSignal;
}

/** An answer with an error status, before any work. A class, so that no caller's body can pass for one. */
export class Refusal {
  readonly status: number;
  readonly error: string;
  /** Where to sign in to the cloud, with status 401. */
  readonly signinUrl: string | undefined;

  constructor(status: number, error: string, signinUrl?: string) {
    this.status = status;
    this.error = error;
    this.signinUrl = signinUrl;
  }
}

export const JSON_TYPE = 'application/json; charset=utf-8';
export const NDJSON_TYPE = 'application/x-ndjson';

export function isRefusal(value: unknown): value is Refusal {
  return value instanceof Refusal;
}

export function refuse(status: number, error: string): Refusal {
  return new Refusal(status, error);
}

export function sendBody(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string | Buffer,
): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendBody(response, status, JSON_TYPE, JSON.stringify(value));
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  sendBody(response, status, 'text/plain; charset=utf-8', text);
}

export function sendRefusal(response: ServerResponse, { status, error, signinUrl }: Refusal): void {
  sendJson(response, status, { error, ...(signinUrl && { signin_url: signinUrl }) });
}

/** The body as text; undefined when the caller left before its end. */
export function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      resolve(chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString()),
    );
    request.on('error', () => resolve(undefined));
    request.on('close', () => resolve(undefined));
  });
}
