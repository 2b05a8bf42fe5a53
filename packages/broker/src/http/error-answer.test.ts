import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { LedgerUnavailable } from '../engines/ledger/ledger.ts';
import { HTTP_ERRORS, type HttpErrorCode } from '../kernel/error-codes.generated.ts';
import { fail } from '../kernel/errors.ts';
import { silentLogger, type Logger } from '../kernel/logger.ts';
import { validatorOf } from './contract.ts';
import { answerError, problemOf, PROBLEM_TYPE } from './error-answer.ts';

interface Line {
  level: string;
  fields: { err?: unknown; http?: string };
}

/** The answer to a call whose handler throws `thrown`, and what was logged about it. */
async function answerTo(thrown: unknown) {
  const lines: Line[] = [];
  const write = (level: string) => (fields: object) => void lines.push({ level, fields });
  const logger: Logger = {
    ...silentLogger,
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  };
  const app = Fastify({ genReqId: () => 'call-1' }).setErrorHandler(answerError(logger));
  app.get('/', async () => {
    throw thrown;
  });
  const { statusCode, headers, body } = await app.inject('/');
  await app.close();
  return { status: statusCode, headers, problem: JSON.parse(body) as Record<string, unknown>, body, lines };
}

const named = (name: string): Error => Object.assign(new Error('at 10.0.0.7:3306'), { name });

describe('the problem of an error', () => {
  it.each(Object.keys(HTTP_ERRORS) as HttpErrorCode[])('of %s is what the table says', (code) => {
    const { status, title } = HTTP_ERRORS[code];
    expect(problemOf(fail(code), 'call-1')).toEqual({
      ...{ type: `urn:fila:error:${code}`, title, status, code, detail: title, request_id: 'call-1' },
    });
  });

  it('says more where more is known, and nothing of the cause', () => {
    const errors = [{ pointer: '/a', detail: 'is missing' }];
    const error = fail('conflict', { detail: 'No.', errors, retryAfter: 3, cause: new Error('SELECT') });
    expect(problemOf(error, 'call-1')).toMatchObject({
      ...{ title: HTTP_ERRORS.conflict.title, detail: 'No.', retry_after: 3, errors },
    });
    expect(JSON.stringify(problemOf(error, 'call-1'))).not.toContain('SELECT');
  });
});

describe('the answer to an error', () => {
  it('is problem+json with the id of the call', async () => {
    const { status, headers, problem, lines } = await answerTo(fail('not_found'));
    expect(status).toBe(404);
    expect(headers['content-type']).toBe(PROBLEM_TYPE);
    expect(headers['x-request-id']).toBe('call-1');
    expect(problem).toMatchObject({ code: 'not_found', request_id: 'call-1' });
    expect(lines).toEqual([]);
  });

  it('tells when to try again, in the header too', async () => {
    const { headers, problem } = await answerTo(fail('unavailable', { retryAfter: 7 }));
    expect(headers['retry-after']).toBe('7');
    expect(problem['retry_after']).toBe(7);
    expect((await answerTo(fail('unavailable'))).headers).not.toHaveProperty('retry-after');
  });

  it('tells how to authenticate', async () => {
    expect((await answerTo(fail('unauthorized'))).headers['www-authenticate']).toBe('Bearer');
    expect((await answerTo(fail('conflict'))).headers).not.toHaveProperty('www-authenticate');
  });

  it.each([new TypeError('x is not a function in /srv/fila/secret.ts'), 'thrown text', undefined, null, 42])(
    'to %s is a mistake of ours: nothing of it in the answer, all of it in the log',
    async (thrown) => {
      const { status, problem, body, lines } = await answerTo(thrown);
      expect(status).toBe(500);
      expect(problem).toMatchObject({ code: 'internal_error', title: 'The broker made a mistake' });
      expect(body).not.toMatch(/secret|thrown text|Cannot read/);
      expect(lines).toMatchObject([{ level: 'error', fields: { http: 'call-1' } }]);
      if (thrown instanceof Error) expect(lines[0]!.fields.err).toBe(thrown);
    },
  );

  it.each([
    new LedgerUnavailable('at 10.0.0.7:3306'),
    ...['SequelizeConnectionRefusedError', 'SequelizeHostNotFoundError', 'SequelizeTimeoutError'].map(named),
    ...['SequelizeConnectionAcquireTimeoutError', 'SequelizeAccessDeniedError'].map(named),
  ])('to $name says that the database is away and when to try again', async (thrown) => {
    const { status, problem, headers, body, lines } = await answerTo(thrown);
    expect(status).toBe(503);
    expect(problem).toMatchObject({ code: 'unavailable', retry_after: 2 });
    expect(problem['detail']).toBe(
      'The database is out of reach. Send it again; an Idempotency-Key keeps it from being done twice.',
    );
    expect(headers['retry-after']).toBe('2');
    expect(body).not.toContain('10.0.0.7');
    // Those who watch the database have said it.
    expect(lines).toEqual([]);
  });

  it('to a database that refuses our SQL is a mistake of ours', async () => {
    expect((await answerTo(named('SequelizeDatabaseError'))).problem['code']).toBe('internal_error');
    expect((await answerTo(named('SequelizeUniqueConstraintError'))).problem['code']).toBe('internal_error');
  });

  it.each([
    { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413, then: 'body_too_large' },
    { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415, then: 'unsupported_media_type' },
    { code: 'FST_ERR_CTP_INVALID_CONTENT_LENGTH', statusCode: 400, then: 'bad_request' },
    { code: 'FST_ERR_OTHER', statusCode: 500, then: 'internal_error' },
    { code: 'FST_ERR_OTHER', statusCode: 302, then: 'internal_error' },
  ])('to $code of the server, $statusCode, is $then', async ({ code, statusCode, then }) => {
    const { problem, status } = await answerTo(Object.assign(new Error('inside'), { code, statusCode }));
    expect(problem['code']).toBe(then);
    expect(status).toBe(HTTP_ERRORS[then as HttpErrorCode].status);
  });

  it('to a body that is not valid names the places', async () => {
    const validate = validatorOf({ $ref: 'CreateApiKey#' }, 'body');
    validate({});
    const thrown = Object.assign(new Error('body'), {
      ...{ validation: validate.errors, validationContext: 'body', statusCode: 400 },
    });
    const { status, problem } = await answerTo(thrown);
    expect(status).toBe(422);
    expect(problem['errors']).toEqual([{ pointer: '/name', detail: 'is missing' }]);
  });
});
