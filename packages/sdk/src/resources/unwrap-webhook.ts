/** Checks what a webhook brought, by Standard Webhooks, with nothing but WebCrypto: no network, no client. */
import { FilaError, invalidArgument } from '../errors.ts';
import type { WebhookEvent } from '../types.generated.ts';

/** headers: one is missing; timestamp: too old, too new or no number; signature: of no known secret; body: no JSON. */
export type InvalidWebhookReason = 'headers' | 'timestamp' | 'signature' | 'body';

/** What arrived is not a webhook of Fila for one of these secrets: answer 400, and use nothing of it. */
export class InvalidWebhook extends FilaError {
  declare readonly name: 'InvalidWebhook';
  declare readonly reason: InvalidWebhookReason;

  constructor(reason: InvalidWebhookReason, detail: string) {
    super({ code: `webhook_${reason}`, detail, retryable: false });
    this.reason = reason;
  }
}
Object.defineProperty(InvalidWebhook.prototype, 'name', { value: 'InvalidWebhook' });

/** As the server's framework hands them over; names in any case. */
export type WebhookHeaders = Headers | Record<string, string | readonly string[] | undefined>;

export interface UnwrapOptions {
  /** How far the time of the call may be from now, to both sides. Default: 300. */
  toleranceSeconds?: number;
  /** Milliseconds since 1970. Default: Date.now(). */
  now?: number;
}

const DEFAULT_TOLERANCE_S = 300;
const VERSION = 'v1';
const SECRET_PREFIX = 'whsec_';

/** Resolves when one of the secrets has signed these very bytes; rejects with InvalidWebhook. */
export async function verifyWebhook(
  rawBody: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options: UnwrapOptions = {},
): Promise<void> {
  const body = bytesOf(rawBody);
  const keys = await Promise.all([secrets].flat().map(importSecret));
  if (keys.length === 0) throw invalidArgument('There is no webhook secret to check with.');
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = headerOf(headers, 'webhook-signature');
  checkTime(timestamp, options);
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), body);
  for (const signature of signaturesIn(signatures))
    for (const key of keys)
      // WebCrypto compares in constant time.
      if (await crypto.subtle.verify('HMAC', key, signature, signed)) return;
  throw new InvalidWebhook('signature', 'No signature of the webhook is by a known secret.');
}

/** Verified as verifyWebhook does, then parsed. */
export async function unwrapWebhook(
  rawBody: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options?: UnwrapOptions,
): Promise<WebhookEvent> {
  await verifyWebhook(rawBody, headers, secrets, options);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(rawBody));
    return JSON.parse(text) as WebhookEvent;
  } catch {
    throw new InvalidWebhook('body', 'The body of the webhook is signed, but it is not JSON.');
  }
}

function bytesOf(rawBody: unknown): Uint8Array<ArrayBuffer> {
  if (typeof rawBody === 'string') return new TextEncoder().encode(rawBody);
  if (rawBody instanceof ArrayBuffer) return new Uint8Array(rawBody);
  if (ArrayBuffer.isView(rawBody))
    return Uint8Array.from(new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength));
  // Written again it would be other bytes, and never verify.
  throw invalidArgument('The body of a webhook is needed as it came: a string or bytes, not parsed.');
}

async function importSecret(secret: unknown): Promise<CryptoKey> {
  const text = typeof secret === 'string' ? secret.trim() : '';
  const bytes = fromBase64(text.startsWith(SECRET_PREFIX) ? text.slice(SECRET_PREFIX.length) : text);
  if (!bytes || bytes.length === 0)
    throw invalidArgument('A webhook secret begins with whsec_, then base64; this is none.');
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : valueIn(headers, name);
  if (!value) throw new InvalidWebhook('headers', `The webhook has no ${name} header.`);
  return value;
}

function valueIn(headers: Record<string, string | readonly string[] | undefined>, name: string) {
  const found = Object.keys(headers).find((key) => key.toLowerCase() === name);
  const value = found === undefined ? undefined : headers[found];
  return typeof value === 'object' ? value.join(' ') : value;
}

function checkTime(
  timestamp: string,
  { toleranceSeconds = DEFAULT_TOLERANCE_S, now = Date.now() }: UnwrapOptions,
): void {
  if (!/^\d{1,12}$/.test(timestamp))
    throw new InvalidWebhook('timestamp', 'The time of the webhook is not a whole number of seconds.');
  const lateSeconds = Math.floor(now / 1000) - Number(timestamp);
  if (Math.abs(lateSeconds) <= toleranceSeconds) return;
  const distance = `${Math.abs(lateSeconds)} s ${lateSeconds > 0 ? 'ago' : 'ahead'}`;
  throw new InvalidWebhook('timestamp', `The webhook was sent ${distance}, more than ${toleranceSeconds} s.`);
}

/** Entries of versions that are not known are passed over. */
function signaturesIn(header: string): Uint8Array<ArrayBuffer>[] {
  return header
    .split(' ')
    .map((entry) => entry.split(','))
    .flatMap(([version, text]) => (version === VERSION && text ? (fromBase64(text) ?? []) : []));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}
