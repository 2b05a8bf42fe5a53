/** The tokens of people and programs: their form, and what is stored of them. */
import { createHmac, type KeyObject, randomInt } from 'node:crypto';

export type TokenKind = 'sess' | 'svc' | 'reset';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 256 bits. */
const LENGTH = 43;
const FORM = new RegExp(`^fila_(sess|svc|reset)_[0-9A-Za-z]{${LENGTH}}$`);

export function newToken(kind: TokenKind): string {
  return `fila_${kind}_${randomText(LENGTH, ALPHABET)}`;
}

/** Null: no token of ours, and not worth a look into the database. */
export function tokenKind(text: string): TokenKind | null {
  return (FORM.exec(text)?.[1] as TokenKind | undefined) ?? null;
}

/** HMAC rather than a slow hash: the token has the entropy, and the pepper makes a stolen database useless. */
export function hashToken(pepper: KeyObject, token: string): Buffer {
  return createHmac('sha256', pepper).update(token).digest();
}

export function randomText(length: number, alphabet: string): string {
  let text = '';
  for (let i = 0; i < length; i++) text += alphabet[randomInt(alphabet.length)];
  return text;
}
