/** Puts a compressed file in the place of a file. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Whole or not at all: a crash in between leaves the file, and a draft that the next one overwrites. */
export async function compressFile(path: string): Promise<void> {
  const draft = `${path}.gz.draft`;
  await pipeline(
    createReadStream(path),
    createGzip(),
    createWriteStream(draft, { mode: 0o600, flush: true }),
  );
  await rename(draft, `${path}.gz`);
  await unlink(path);
}
