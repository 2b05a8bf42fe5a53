/** Blobs that models are made of: only their digests are kept. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuse, sendRefusal } from './http-answers.ts';

const PATH = '/api/blobs/';

export function isBlobPath(path: string): boolean {
  return path.startsWith(PATH);
}

export async function answerBlob(
  blobs: Set<string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const digest = request.url!.slice(PATH.length).replace(':', '-');
  if (request.method === 'HEAD') return void response.writeHead(blobs.has(digest) ? 200 : 404).end();
  const hash = createHash('sha256');
  try {
    for await (const part of request) hash.update(part as Buffer);
  } catch {
    return;
  }
  if (digest !== `sha256-${hash.digest('hex')}`) return sendRefusal(response, refuse(400, 'digest mismatch'));
  blobs.add(digest);
  response.writeHead(201, { 'content-length': 0 }).end();
}
