import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { errorOfStatus, FilaError, isFilaError, NotFound } from './errors.ts';

const facts = { code: 'not_found', detail: 'There is no such request.', retryable: false };

describe('errors', () => {
  it.each([
    [400, 'InvalidRequest'],
    [401, 'NotAllowed'],
    [403, 'NotAllowed'],
    [404, 'NotFound'],
    [405, 'FilaError'],
    [409, 'Conflict'],
    [413, 'InvalidRequest'],
    [415, 'InvalidRequest'],
    [422, 'InvalidRequest'],
    [429, 'RateLimited'],
    [431, 'FilaError'],
    [500, 'Unavailable'],
    [502, 'Unavailable'],
    [503, 'Unavailable'],
  ])('a %i is a %s', (status, name) => {
    const error = errorOfStatus(status, facts);
    expect(error).toMatchObject({ name, status, ...facts, message: facts.detail });
    expect(error).toBeInstanceOf(FilaError);
    expect(error.stack).toMatch(new RegExp(`^${name}: There is no such request`));
  });

  it('is recognised when it comes from another copy of the package', async () => {
    vi.resetModules();
    const otherCopy = await import('./errors.ts');
    const error = new otherCopy.NotFound(facts);
    expect(error).not.toBeInstanceOf(NotFound);
    expect(isFilaError(error)).toBe(true);
  });

  it.each([new Error('no'), null, undefined, 'not_found', { code: 'not_found' }])(
    'something else is not one of ours: %o',
    (thing) => {
      expect(isFilaError(thing)).toBe(false);
    },
  );

  it('prints what is known and nothing else', () => {
    const text = inspect(new NotFound({ ...facts, requestId: undefined }));
    expect(text).toContain("code: 'not_found'");
    expect(text).not.toContain('undefined');
    expect(new NotFound(facts)).not.toHaveProperty('cause');
  });
});
