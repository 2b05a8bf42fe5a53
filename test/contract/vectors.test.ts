/** The contract's vectors, replayed: the broker does what they say, and none of them is passed over. */
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createHmac } from 'node:crypto';
import { Fila, type SignedIn } from '@fila/sdk';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { generateSync } from 'otplib';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  NEXT_STATES,
  hasEnded,
  statusOf,
} from '../../packages/broker/src/features/requests/request-states.ts';
import type { State } from '../../packages/broker/src/engines/ledger/ledger.ts';
import { checkAnswer } from '../helpers/checked-fetch.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';

const FOLDER = 'packages/php-bridge-spec/vectors';

interface Vector<Given, Expect> {
  readonly id: string;
  readonly comment?: string;
  readonly given: Given;
  readonly expect: Expect;
}

function load<Given, Expect>(file: string): { count: number; cases: Vector<Given, Expect>[] } {
  return JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8'));
}

describe('the vector files', () => {
  const index = JSON.parse(readFileSync(`${FOLDER}/index.json`, 'utf8')) as {
    files: { file: string; count: number }[];
  };
  const schema = JSON.parse(readFileSync(`${FOLDER}/vector.schema.json`, 'utf8')) as object;

  it.each(index.files)('$file has the form of its schema and as many cases as it says', ({ file, count }) => {
    const validate = new Ajv2020().compile(schema);
    const vectors = load(file);
    expect(validate(vectors), JSON.stringify(validate.errors)).toBe(true);
    expect(vectors.cases).toHaveLength(vectors.count);
    expect(vectors.count).toBe(count);
    expect(new Set(vectors.cases.map((one) => one.id)).size).toBe(count);
  });
});

describe('lifecycle', () => {
  const { cases } = load<
    { from: string; to: string; status: string },
    { allowed?: boolean; final?: boolean }
  >('lifecycle.json');
  const states = Object.keys(NEXT_STATES) as State[];

  it.each(cases)('$id', ({ given, expect: { allowed, final } }) => {
    if (final !== undefined)
      return expect(states.filter((state) => statusOf(state) === given.status).map(hasEnded)).toContain(
        final,
      );
    const can = states.some(
      (from) => statusOf(from) === given.from && NEXT_STATES[from].some((to) => statusOf(to) === given.to),
    );
    expect(can).toBe(allowed);
  });
});

describe('signatures, by a verifier that is not ours', () => {
  type Headers = Record<string, string | string[]>;
  const { cases } = load<
    { secrets: string[]; now: number; headers: Headers; body: string },
    { valid: boolean; reason?: string }
  >('signatures.json');
  const plain = (headers: Headers): Record<string, string> =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value].flat()[0]!]),
    );

  it.each(cases)('$id', ({ id, given, expect: expected }) => {
    const headers = plain(given.headers);
    const body = Buffer.from(given.body, 'base64');
    const number = Number(headers['webhook-timestamp']);
    const inTime = Number.isInteger(number) && Math.abs(given.now - number) <= 300;
    const signed = given.secrets.some((secret) =>
      (headers['webhook-signature'] ?? '').split(' ').includes(`v1,${signatureOf(secret, headers, body)}`),
    );
    const complete = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].every((name) => headers[name]);
    expect({ valid: complete && inTime && signed }).toEqual({ valid: expected.valid });
    const reason = !complete ? 'headers' : !inTime ? 'timestamp' : !signed ? 'signature' : undefined;
    expect(reason).toBe(expected.reason);
    // The reference library has no clock to set and reads bodies as text, so it is asked about the signature alone.
    if (expected.valid && id !== 'invalid-utf-8') {
      const own = given.secrets.map((secret) =>
        new Webhook(secret).sign(headers['webhook-id']!, new Date(number * 1000), body.toString('utf8')),
      );
      expect(headers['webhook-signature']!.split(' ').some((one) => own.includes(one))).toBe(true);
    }
  });
});

function signatureOf(secret: string, headers: Record<string, string>, body: Buffer): string {
  const content = Buffer.concat([
    Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`),
    body,
  ]);
  return createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
    .update(content)
    .digest('base64');
}

describe('errors', () => {
  interface Given {
    method: string;
    path: string;
    key: string;
    headers: Record<string, string>;
    body?: string;
    body_pieces?: [string, number][];
  }
  const { cases } = load<Given, { status: number; code: string; pointers?: string[] }>('errors.json');
  let daemon: Daemon;
  const keys: Record<string, string> = {
    garbage: 'hello',
    unknown: 'fila_live_0000000000000000000000000000000vGMUg',
  };

  beforeAll(async () => {
    daemon = await startDaemon({});
    const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
    for (const name of ['valid', 'revoked', 'suspended']) {
      const { id, key } = await admin.keys.create({ name });
      keys[name] = key;
      if (name === 'revoked') await admin.keys.revoke(id);
      if (name === 'suspended') await admin.keys.suspend(id);
    }
    const { key } = await admin.keys.create({ name: 'exhausted', limit_minute: 1 });
    await new Fila({ url: daemon.url, apiKey: key }).requests.create({ prompt: 'the only one' });
    keys['exhausted'] = key;
    keys['admin'] = daemon.adminToken;
    keys['viewer'] = (await person(admin, 'vera')).token;
    const guarded = new Fila({ url: daemon.url, adminToken: (await person(admin, 'guarded')).token });
    const { secret } = await guarded.me.enrolTotp();
    await guarded.me.confirmTotp({ code: generateSync({ secret }) });
  });
  afterAll(() => daemon.stop());

  it.each(cases)('$id', async ({ given, expect: expected }) => {
    const body = given.body_pieces
      ? given.body_pieces.map(([text, times]) => text.repeat(times)).join('')
      : Buffer.from(given.body ?? '', 'base64');
    const key = keys[given.key];
    const headers = { ...given.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
    const answer = await send(`${daemon.url}${given.path}`, { method: given.method, headers, body });
    const problem = JSON.parse(answer.body) as {
      status: number;
      code: string;
      request_id: string;
      errors?: { pointer: string }[];
    };
    expect({ status: answer.status, code: problem.code }).toEqual({
      status: expected.status,
      code: expected.code,
    });
    expect(answer.type).toBe('application/problem+json; charset=utf-8');
    expect(problem.request_id).toBe(answer.requestId);
    expect(problem.errors?.map((one) => one.pointer) ?? []).toEqual(
      expect.arrayContaining(expected.pointers ?? []),
    );
    expect(answer.body).not.toMatch(/node_modules|\.ts:|\.js:|SELECT|at \w+ \(/);
    checkAnswer({ ...answer, method: given.method, url: `${daemon.url}${given.path}` });
  });

  it('tells the reasons of a refused key apart from one another in no way', async () => {
    const bodies = await Promise.all(
      ['garbage', 'unknown', 'revoked', 'suspended'].map(async (name) => {
        const headers = { authorization: `Bearer ${keys[name]}`, 'x-request-id': 'same' };
        const answer = await send(`${daemon.url}/api/v1/authenticate`, { method: 'POST', headers, body: '' });
        return `${answer.status} ${answer.body}`;
      }),
    );
    expect(new Set(bodies).size).toBe(1);
  });

  it('shows no stack in any answer, and no error in the log: all of these were mistakes of the client', () => {
    expect(daemon.log()).not.toContain('"level":"error"');
  });
});

/** A viewer, signed in. */
async function person({ users, me, sessions }: Fila, name: string): Promise<SignedIn> {
  const password = 'tangled-otter-bicycle-9';
  const { reset_token } = await users.create({ name, role: 'viewer' });
  await me.setPassword({ reset_token, password });
  return sessions.signIn({ name, password });
}

interface RawAnswer {
  readonly status: number;
  readonly type: string;
  readonly requestId: string;
  readonly body: string;
}

/** node:http, because fetch would refuse to send some of these. */
function send(
  url: string,
  { method, headers, body }: { method: string; headers: Record<string, string>; body: string | Buffer },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      url,
      { method, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { 'content-type': type = '', 'x-request-id': requestId } = response.headers;
          resolve({
            status: response.statusCode!,
            type,
            requestId: String(requestId),
            body: Buffer.concat(chunks).toString(),
          });
        });
      },
    );
    // A body that is too large is answered before it was sent to its end.
    call.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? undefined : reject(error)));
    call.end(body);
  });
}
