/** The form of an API key, and what is stored of it. */
import { createHmac, type KeyObject, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'fila_live_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_LENGTH = 30;
const CHECK_LENGTH = 6;
const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${SECRET_LENGTH + CHECK_LENGTH}}$`);

/** `fila_live_`, 30 random characters (178 bits), and 6 of CRC-32 by which a scanner tells a real key from a random word. */
export function newKeySecret(): string {
  let body = PREFIX;
  for (let i = 0; i < SECRET_LENGTH; i++) body += ALPHABET[randomInt(ALPHABET.length)];
  return body + checkOf(body);
}

/** Whether it could be a key at all; most garbage ends here, without a look into the database. */
export function isKeySecret(text: string): boolean {
  return FORM.test(text) && text.endsWith(checkOf(text.slice(0, -CHECK_LENGTH)));
}

/** What people recognise a key by: the first 8 characters of its secret. */
export function keyPrefix(secret: string): string {
  return secret.slice(0, PREFIX.length + 8);
}

/** HMAC rather than a slow hash: the key has the entropy, and the pepper makes a stolen database useless. */
export function hashKeySecret(pepper: KeyObject, secret: string): Buffer {
  return createHmac('sha256', pepper).update(secret).digest();
}

function checkOf(body: string): string {
  let rest = crc32(body);
  let check = '';
  for (let i = 0; i < CHECK_LENGTH; i++) {
    check = ALPHABET[rest % ALPHABET.length] + check;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return check;
}
