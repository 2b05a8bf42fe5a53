import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { newWebhookSecret, webhookHeaders } from './sign-webhook.ts';

interface Case {
  readonly id: string;
  readonly given: {
    readonly secrets: string[];
    readonly headers: Record<string, string | string[]>;
    readonly body: string;
  };
  readonly expect: { readonly valid: boolean };
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../../../php-bridge-spec/vectors/signatures.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

describe('a signature', () => {
  const simple = cases.filter(
    (one) =>
      one.expect.valid &&
      one.given.secrets.length === 1 &&
      String(one.given.headers['webhook-signature']).split(' ').length === 1 &&
      typeof one.given.headers['webhook-id'] === 'string',
  );

  it.each(simple)('is that of the contract: $id', ({ given }) => {
    const { 'webhook-id': id, 'webhook-timestamp': timestamp } = given.headers as Record<string, string>;
    const message = { id: id!, atMs: Number(timestamp) * 1000, body: Buffer.from(given.body, 'base64') };
    expect(simple.length).toBeGreaterThan(8);
    expect(webhookHeaders(message, given.secrets)).toEqual(given.headers);
  });

  it('is verified by the reference library, for any text, and with any of several secrets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 3 }), (text, count) => {
        const secrets = Array.from({ length: count }, newWebhookSecret);
        const body = JSON.stringify({ text });
        const message = { id: 'msg_1', atMs: Date.now(), body: Buffer.from(body) };
        const headers = webhookHeaders(message, secrets);
        for (const secret of secrets)
          expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
        expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow('No matching signature');
      }),
      { numRuns: 50 },
    );
  });

  it('carries the second of the attempt', () => {
    const message = { id: 'msg_1', atMs: 1_700_000_000_999, body: Buffer.from('{}') };
    expect(webhookHeaders(message, [newWebhookSecret()])['webhook-timestamp']).toBe('1700000000');
  });
});

describe('a secret', () => {
  it('is 32 random bytes', () => {
    const [one, other] = [newWebhookSecret(), newWebhookSecret()];
    expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(one).not.toBe(other);
  });
});
