/** Encryption at rest: AES-256-GCM under data keys, which the master key wraps. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';

/** Where a sealed value stands. A value moved to another table, row or column does not open. */
export interface Place {
  readonly table: string;
  readonly row: string;
  readonly column: string;
}

/** Sealed: version (1 byte), number of the data key (4), nonce (12), ciphertext, tag (16). */
export interface Vault {
  seal(place: Place, plain: Buffer): Buffer;
  /** Rejects with VaultError when the value was changed, moved, or its key is gone. */
  open(place: Place, sealed: Buffer): Promise<Buffer>;
  /** A secret of 32 bytes for one purpose, always the same under one master key. */
  derive(purpose: string): Buffer;
}

export class VaultError extends Error {
  override readonly name = 'VaultError';
}

/** The wrapped data keys, as they are stored. */
export interface DataKeyStore {
  all(): Promise<StoredDataKey[]>;
  /** Stores a key under a new number; `wrap` is told the number because it is bound to it. */
  add(masterKeyId: string, wrap: (id: number) => Buffer): Promise<StoredDataKey>;
}

export interface StoredDataKey {
  readonly id: number;
  readonly masterKeyId: string;
  readonly wrapped: Buffer;
}

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + 4 + NONCE_BYTES;
const NONCES_DRAWN = 1024;

/** A vault that knows its master key and not yet its data keys: it can derive, but neither seal nor open. */
export interface LockedVault extends Vault {
  /** Takes the newest data key, or makes the first one. Rejects with VaultError when the master key is another one. */
  unlock(): Promise<void>;
}

export function lockedVault(masterKey: Buffer, store: DataKeyStore): LockedVault {
  const master = createSecretKey(masterKey);
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', masterKey, '', `fila:${purpose}`, 32));
  const masterKeyId = createHmac('sha256', derive('master key id')).digest('hex').slice(0, 16);
  const nonces = noncePool();
  const dataKeys = new Map<number, KeyObject>();
  let newest = -1;

  function unwrap(stored: StoredDataKey): KeyObject {
    if (stored.masterKeyId !== masterKeyId)
      throw new VaultError('This master key is not the one the database was written with.');
    return createSecretKey(decrypt(master, aadOfKey(stored.id), stored.wrapped));
  }

  async function load(): Promise<void> {
    for (const stored of await store.all())
      if (!dataKeys.has(stored.id)) dataKeys.set(stored.id, unwrap(stored));
  }

  async function unlock(): Promise<void> {
    await load();
    if (dataKeys.size === 0) {
      const secret = randomBytes(32);
      await store.add(masterKeyId, (id) =>
        encrypt(master, { id: 0, aad: aadOfKey(id), nonce: nonces() }, secret),
      );
      await load();
    }
    newest = Math.max(...dataKeys.keys());
  }

  return {
    unlock,
    seal: (place, plain) => {
      const key = dataKeys.get(newest);
      if (!key) throw new VaultError('The data keys are not known yet.');
      return encrypt(key, { id: newest, aad: aadOf(place), nonce: nonces() }, plain);
    },
    derive,
    open: async (place, sealed) => {
      const id = sealed.length > HEADER_BYTES ? sealed.readUInt32BE(1) : -1;
      // Another broker may have made it since.
      if (!dataKeys.has(id)) await load();
      const key = dataKeys.get(id);
      if (!key) throw new VaultError('The data key of this value is gone.');
      return decrypt(key, aadOf(place), sealed);
    },
  };
}

function aadOf({ table, row, column }: Place): Buffer {
  return Buffer.from(`fila:v1|${table}|${row}|${column}`);
}

function aadOfKey(id: number): Buffer {
  return aadOf({ table: 'data_keys', row: String(id), column: 'wrapped' });
}

interface Sealing {
  readonly id: number;
  readonly aad: Buffer;
  readonly nonce: Buffer;
}

function encrypt(key: KeyObject, { id, aad, nonce }: Sealing, plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  const sealed = Buffer.allocUnsafe(HEADER_BYTES + plain.length + TAG_BYTES);
  sealed.writeUInt8(VERSION, 0);
  sealed.writeUInt32BE(id, 1);
  nonce.copy(sealed, 5);
  cipher.update(plain).copy(sealed, HEADER_BYTES);
  cipher.final();
  cipher.getAuthTag().copy(sealed, HEADER_BYTES + plain.length);
  return sealed;
}

function decrypt(key: KeyObject, aad: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== VERSION)
    throw new VaultError('This is not a sealed value.');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(5, HEADER_BYTES)).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const plain = decipher.update(sealed.subarray(HEADER_BYTES, sealed.length - TAG_BYTES));
    decipher.final();
    return plain;
  } catch (error) {
    throw new VaultError('The value was changed or moved since it was sealed.', { cause: error });
  }
}

/** Random nonces, drawn many at a time because a draw costs more than an encryption. Each is good until the next is asked for. */
function noncePool(): () => Buffer {
  const pool = Buffer.alloc(NONCE_BYTES * NONCES_DRAWN);
  let used = pool.length;
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += NONCE_BYTES;
    return pool.subarray(used - NONCE_BYTES, used);
  };
}

/** A sealed text whose loss is no reason to fail: null also when it cannot be decrypted any more. */
export async function openText(vault: Vault, place: Place, sealed: Buffer | null): Promise<string | null> {
  if (sealed === null) return null;
  try {
    return String(await vault.open(place, sealed));
  } catch (error) {
    if (error instanceof VaultError) return null;
    throw error;
  }
}
