/** Checkpoints: the end of the trail at one moment, signed, to be kept where nobody who can write the database can write. */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { AuditCheckpoint } from '../../kernel/contract.generated.ts';
import { canonicalJson } from '../../kernel/canonical-json.ts';

export interface CheckpointSigner {
  /** base64 of the 32 bytes of the Ed25519 key. */
  readonly publicKey: string;
  sign(end: Pick<AuditCheckpoint, 'seq' | 'hash' | 'at'>): AuditCheckpoint;
}

/** What DER puts before the 32 bytes of an Ed25519 key (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** `seed`: 32 secret bytes; the same seed is the same key. */
export function checkpointSigner(seed: Buffer): CheckpointSigner {
  const key = createPrivateKey({
    key: Buffer.concat([PRIVATE_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = spki.subarray(PUBLIC_PREFIX.length).toString('base64');
  return {
    publicKey,
    sign: ({ seq, hash, at }) => {
      const end = { seq, hash, at, public_key: publicKey };
      return { ...end, signature: sign(null, signedBytes(end), key).toString('base64') };
    },
  };
}

/** Whether the key that it names has signed it, and that key is the given one. */
export function isSigned(checkpoint: AuditCheckpoint, publicKey: string = checkpoint.public_key): boolean {
  const key = publicKeyOf(publicKey);
  return (
    key !== null &&
    checkpoint.public_key === publicKey &&
    verify(null, signedBytes(checkpoint), key, Buffer.from(checkpoint.signature, 'base64'))
  );
}

function signedBytes({ seq, hash, at, public_key }: Omit<AuditCheckpoint, 'signature'>): Buffer {
  return Buffer.from(canonicalJson({ kind: 'fila.audit.checkpoint.v1', seq, hash, at, public_key }));
}

function publicKeyOf(text: string): KeyObject | null {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 32) return null;
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, bytes]), format: 'der', type: 'spki' });
}
