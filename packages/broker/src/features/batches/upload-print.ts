/** What is remembered of the Idempotency-Key of an upload, and of the bytes that came with it. */
import { createHmac } from 'node:crypto';
import type { Vault } from '../../engines/vault/vault.ts';

export interface UploadPrints {
  digestOf(idempotencyKey: string): Buffer;
  begin(): UploadPrint;
}

export interface UploadPrint {
  /** Passes chunks on, and takes them into account. */
  through(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void>;
  /** Of all that went through; to be asked once. */
  fingerprint(): Buffer;
}

/** Keyed, because a plain hash of a short upload could be guessed from the database alone. */
export function createUploadPrints(vault: Vault): UploadPrints {
  const secret = vault.derive('batch idempotency');
  return {
    digestOf: (key) => createHmac('sha256', secret).update(`key\n${key}`).digest(),
    begin: () => {
      const hash = createHmac('sha256', secret).update('body\n');
      return {
        through: async function* (chunks) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            yield chunk;
          }
        },
        fingerprint: () => hash.digest(),
      };
    },
  };
}
