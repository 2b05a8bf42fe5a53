import { describe, expect, it } from 'vitest';
import { HTTP_ERRORS, type HttpErrorCode } from './error-codes.generated.ts';
import { fail, FilaError } from './errors.ts';

const codes = Object.keys(HTTP_ERRORS) as HttpErrorCode[];

describe('a failure', () => {
  it.each(codes)('of %s has the status, the title and the retryability of the table', (code) => {
    const error = fail(code);
    const { status, retryable, title } = HTTP_ERRORS[code];
    expect(error).toMatchObject({ name: 'FilaError', code, status, retryable, message: title, details: {} });
    expect(error).toBeInstanceOf(FilaError);
    expect(error).toBeInstanceOf(Error);
  });

  it('says what is wrong with this very call, when it is told', () => {
    const details = { detail: 'The key is suspended.', errors: [{ pointer: '/a', detail: 'is missing' }] };
    const error = fail('conflict', { ...details, retryAfter: 2 });
    expect(error.message).toBe('The key is suspended.');
    expect(error.details).toEqual({ ...details, retryAfter: 2 });
  });

  it('carries its cause for the log', () => {
    const cause = new Error('the socket broke');
    expect(fail('unavailable', { cause }).cause).toBe(cause);
  });
});
