/** Signs what is sent, by Standard Webhooks: the HMAC of id, time and raw body under each valid secret. */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
const REMEMBERED_KEYS = 10_000;

/** A key costs more to make than a signature under it. */
const keys = new Map<string, KeyObject>();

/** 32 random bytes. */
export function newWebhookSecret(): string {
  return `${PREFIX}${randomBytes(32).toString('base64')}`;
}

export interface SignedMessage {
  readonly id: string;
  /** When this attempt is made, in milliseconds since 1970. */
  readonly atMs: number;
  readonly body: Buffer;
}

/** With several secrets a receiver finds the signature of the one it knows. */
export function webhookHeaders(
  { id, atMs, body }: SignedMessage,
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1000));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => signature(secret, `${id}.${timestamp}.`, body)).join(' '),
  };
}

function signature(secret: string, head: string, body: Buffer): string {
  return `v1,${createHmac('sha256', keyOf(secret)).update(head).update(body).digest('base64')}`;
}

function keyOf(secret: string): KeyObject {
  let key = keys.get(secret);
  if (!key) {
    key = createSecretKey(Buffer.from(secret.slice(PREFIX.length), 'base64'));
    if (keys.size >= REMEMBERED_KEYS) keys.clear();
    keys.set(secret, key);
  }
  return key;
}
