/** Every case of the contract's signature vectors, and what frameworks hand over besides. */
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { isFilaError } from '../errors.ts';
import { InvalidWebhook, unwrapWebhook, verifyWebhook } from './unwrap-webhook.ts';

interface Case {
  readonly id: string;
  readonly given: {
    readonly secrets: string[];
    readonly now: number;
    readonly headers: Record<string, string | string[]>;
    readonly body: string;
  };
  readonly expect: { readonly valid: boolean; readonly reason?: string };
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../php-bridge-spec/vectors/signatures.json', import.meta.url), 'utf8'),
) as { count: number; cases: Case[] };

/** What an attempt to check ends with: valid, or the reason. */
async function outcome(checking: Promise<unknown>): Promise<string> {
  try {
    await checking;
    return 'valid';
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidWebhook);
    return (error as InvalidWebhook).reason;
  }
}

describe('the signature vectors', () => {
  it('are all here', () => {
    expect(vectors.cases).toHaveLength(vectors.count);
  });

  it.each(vectors.cases)('$id', async ({ given, expect: expected }) => {
    const body = Buffer.from(given.body, 'base64');
    const options = { now: given.now * 1000 };
    const wanted = expected.valid ? 'valid' : expected.reason;
    expect(await outcome(verifyWebhook(body, given.headers, given.secrets, options))).toBe(wanted);
    // unwrap wants JSON as well; what is not signed never gets that far.
    const unwrapped = await outcome(unwrapWebhook(body, given.headers, given.secrets, options));
    expect(unwrapped === 'body' ? 'valid' : unwrapped).toBe(wanted);
  });
});

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = 'whsec_ZmlsYS1vbGQtc2VjcmV0LTMyLWJ5dGVzLWV4YWN0bHkh';
const NOW = 1_800_000_000_000;
const BODY = '{"type":"request.completed","timestamp":"2027-01-15T08:00:00.000Z","data":{"id":"req_ção"}}';

function signed(body = BODY, atMs = NOW): Record<string, string> {
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(atMs / 1000),
    'webhook-signature': new Webhook(SECRET).sign('msg_1', new Date(atMs), body),
  };
}

describe('unwrap', () => {
  const options = { now: NOW };

  it('gives the event, from a string or from bytes, with Headers or a plain object', async () => {
    const event = JSON.parse(BODY) as unknown;
    const bytes = new TextEncoder().encode(BODY);
    const inner = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('xx')]).subarray(2, -2);
    for (const body of [BODY, bytes, inner, bytes.buffer])
      for (const headers of [signed(), new Headers(signed())])
        expect(await unwrapWebhook(body, headers, SECRET, options)).toEqual(event);
  });

  it('takes a secret without its prefix, with a line end, and finds the right one of several', async () => {
    for (const secrets of [SECRET.slice(6), `${SECRET}\n`, [OTHER, SECRET]])
      expect(await outcome(unwrapWebhook(BODY, signed(), secrets, options))).toBe('valid');
    expect(await outcome(unwrapWebhook(BODY, signed(), OTHER, options))).toBe('signature');
  });

  it('takes the tolerance it is told, and the present time when it is told none', async () => {
    const late = { now: NOW + 400_000 };
    expect(await outcome(unwrapWebhook(BODY, signed(), SECRET, late))).toBe('timestamp');
    const patient = { ...late, toleranceSeconds: 400 };
    expect(await outcome(unwrapWebhook(BODY, signed(), SECRET, patient))).toBe('valid');
    const now = Math.floor(Date.now() / 1000) * 1000;
    expect(await outcome(unwrapWebhook(BODY, signed(BODY, now), SECRET))).toBe('valid');
  });

  it('takes a good signature for nothing when it is of another version', async () => {
    const { 'webhook-signature': signature, ...rest } = signed();
    for (const other of ['v2,', 'v1a,', 'V1,', ','])
      expect(
        await outcome(
          unwrapWebhook(
            BODY,
            { ...rest, 'webhook-signature': signature!.replace('v1,', other) },
            SECRET,
            options,
          ),
        ),
      ).toBe('signature');
  });

  it('refuses a body that is signed but no JSON', async () => {
    expect(await outcome(unwrapWebhook('hello', signed('hello'), SECRET, options))).toBe('body');
  });

  it('says what the caller did wrong, without the secret', async () => {
    const parsed = JSON.parse(BODY) as string;
    const bad = [
      unwrapWebhook(parsed, signed(), SECRET, options),
      unwrapWebhook(BODY, signed(), [], options),
      unwrapWebhook(BODY, signed(), 'whsec_***canary***', options),
      unwrapWebhook(BODY, signed(), undefined as never, options),
    ];
    for (const one of bad) {
      const error = await one.catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: 'InvalidRequest', code: 'invalid_argument' });
      expect(String(error)).not.toContain('canary');
    }
  });

  it('rejects with an error of the kind that people can catch', async () => {
    const error = await unwrapWebhook(BODY, {}, SECRET, options).catch((caught: unknown) => caught);
    expect(isFilaError(error)).toBe(true);
    expect(error).toMatchObject({ name: 'InvalidWebhook', code: 'webhook_headers', retryable: false });
  });
});
