/** Secrets on their way to one receiver: sealed to a public key (X25519, HKDF-SHA-256, AES-256-GCM), opened with the private one. */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

export interface SealKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

const PUBLIC = 'fila_sealto_';
const PRIVATE = 'fila_unseal_';
const SEALED = 'fila_sealed_';
const INFO = 'fila sealed secret 1';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

export function newSealKeys(): SealKeys {
  const { d, x } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const pair = Buffer.concat([bytes(d!), bytes(x!)]);
  return { publicKey: PUBLIC + x!, privateKey: PRIVATE + pair.toString('base64url') };
}

/** Null when the text is no public key. Each call of what it gives back makes another text, also of the same secret. */
export function sealerTo(publicKey: string): ((secret: string) => string) | null {
  const receiver = unpacked(PUBLIC, publicKey);
  if (receiver?.length !== KEY_BYTES) return null;
  return (secret) => {
    const once = generateKeyPairSync('x25519');
    const sender = bytes(once.publicKey.export({ format: 'jwk' }).x!);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(
      'aes-256-gcm',
      sharedKey(once.privateKey, { sender, receiver, other: receiver }),
      iv,
    );
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return SEALED + Buffer.concat([sender, iv, cipher.getAuthTag(), text]).toString('base64url');
  };
}

/** Null when it was sealed to another key, or is not as it was sealed. */
export function unseal(privateKey: string, sealed: string): string | null {
  const pair = unpacked(PRIVATE, privateKey);
  const box = unpacked(SEALED, sealed);
  if (pair?.length !== 2 * KEY_BYTES || !box || box.length < KEY_BYTES + IV_BYTES + TAG_BYTES) return null;
  const [d, receiver] = [pair.subarray(0, KEY_BYTES), pair.subarray(KEY_BYTES)];
  const sender = box.subarray(0, KEY_BYTES);
  const iv = box.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES);
  const tag = box.subarray(KEY_BYTES + IV_BYTES, KEY_BYTES + IV_BYTES + TAG_BYTES);
  try {
    const jwk = { kty: 'OKP', crv: 'X25519', d: d.toString('base64url'), x: receiver.toString('base64url') };
    const own = createPrivateKey({ key: jwk, format: 'jwk' });
    const key = sharedKey(own, { sender, receiver, other: sender });
    const cipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAuthTag(tag);
    const text = box.subarray(KEY_BYTES + IV_BYTES + TAG_BYTES);
    return Buffer.concat([cipher.update(text), cipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

interface Parties {
  readonly sender: Buffer;
  readonly receiver: Buffer;
  /** The one of them whose private key is not here. */
  readonly other: Buffer;
}

/** Both public keys are part of it, so that a text is good between these two and nobody else. */
function sharedKey(privateKey: KeyObject, { sender, receiver, other }: Parties): Buffer {
  const jwk = { kty: 'OKP', crv: 'X25519', x: other.toString('base64url') };
  const secret = diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) });
  return Buffer.from(hkdfSync('sha256', secret, Buffer.concat([sender, receiver]), INFO, KEY_BYTES));
}

function unpacked(prefix: string, text: string): Buffer | null {
  const rest = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  return /^[\w-]+$/.test(rest) ? bytes(rest) : null;
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
