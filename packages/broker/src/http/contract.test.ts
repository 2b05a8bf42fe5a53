import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SCHEMAS, validationFailed, validatorOf } from './contract.ts';

const compiled = new Map<string, ReturnType<typeof validatorOf>>();

/** What a client is told about a body or query, or null when it is valid. */
function told(schema: string, value: unknown, part = 'body') {
  const validate = compiled.get(schema + part) ?? validatorOf({ $ref: `${schema}#` }, part);
  compiled.set(schema + part, validate);
  if (validate(value)) return null;
  const { code, message, details } = validationFailed(validate.errors!, part);
  expect(code).toBe('validation_failed');
  return { detail: message, errors: details.errors };
}

/** `pointer detail`, for short. */
const placesOf = (schema: string, value: unknown, part?: string) =>
  told(schema, value, part)?.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`);

const prompt = { prompt: 'Why is the sky blue?' };
const CHOICE = ' must have one of prompt, messages and input, and nothing that belongs to another of them';

describe('a body that is not valid', () => {
  it.each([
    { given: {}, then: [CHOICE] },
    { given: { ...prompt, messages: [{ role: 'user', content: 'a' }] }, then: [CHOICE] },
    { given: { system: 'a', messages: [{ role: 'user', content: 'a' }] }, then: [CHOICE] },
    { given: { ...prompt, input: 'a' }, then: [CHOICE] },
    { given: { ...prompt, tools: [], dimensions: 3 }, then: [CHOICE] },
    { given: { input: [''] }, then: ['/input is not of any allowed form'] },
    { given: 'text', then: [' must be object'] },
    { given: null, then: [' must be object'] },
    { given: [], then: [' must be object'] },
    { given: { prompt: '' }, then: ['/prompt must NOT have fewer than 1 characters'] },
    { given: { prompt: 7 }, then: ['/prompt must be string'] },
    { given: { ...prompt, colour: 1 }, then: ['/colour is not a known field'] },
    { given: { ...prompt, 'a/b~c': 1 }, then: ['/a~1b~0c is not a known field'] },
    { given: { ...prompt, priority: 10 }, then: ['/priority must be <= 9'] },
    { given: { ...prompt, priority: '5' }, then: ['/priority must be integer'] },
    { given: { ...prompt, deadline: 'soon' }, then: ['/deadline must match format "date-time"'] },
    { given: { ...prompt, model: '../x' }, then: ['/model must match ^[A-Za-z0-9][A-Za-z0-9._:/-]*$'] },
    { given: { ...prompt, format: 'xml' }, then: ['/format is not of any allowed form'] },
    {
      given: { ...prompt, parameters: { think: 'a' } },
      then: ['/parameters/think is not of any allowed form'],
    },
    { given: { ...prompt, parameters: { top_p: 2 } }, then: ['/parameters/top_p must be <= 1'] },
    { given: { ...prompt, parameters: { stop: [1] } }, then: ['/parameters/stop/0 must be string'] },
    {
      given: { messages: [{ role: 'user', content: 'a' }, { role: 'robot' }] },
      then: [
        '/messages/1/content is missing',
        '/messages/1/role must be one of system, user, assistant, tool',
      ],
    },
  ])('is told where and why: $given', ({ given, then }) => {
    expect(placesOf('CreateRequest', given)).toEqual(then);
  });

  it('is told in words what a name may be', () => {
    expect(placesOf('CreateApiKey', { name: 'a\u001b[31m' })).toEqual([
      '/name must have no control characters',
    ]);
    expect(placesOf('CreateQueue', { name: 'My queue' })).toEqual([
      '/name must be small letters, digits, - and _, 40 at most, not - or _ first',
    ]);
  });

  it('is told in one sentence what is wrong first', () => {
    expect(told('CreateRequest', { ...prompt, priority: 10 })?.detail).toBe('/priority must be <= 9.');
    expect(told('CreateRequest', {})?.detail).toBe(`The body${CHOICE}.`);
  });

  it('names each place once, and not more than twenty of them', () => {
    const body = { ...prompt, ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x${i}`, 1])) };
    const places = told('CreateRequest', body)!.errors!.map((one) => one.pointer);
    expect(places).toHaveLength(20);
    expect(new Set(places).size).toBe(20);
    expect(placesOf('CreateApiKey', { name: '' })).toHaveLength(1);
  });

  it('is told all that is wrong with a key at once', () => {
    expect(placesOf('CreateApiKey', { limit_day: -1, expires_at: 'tomorrow' })?.sort()).toEqual([
      '/expires_at must match format "date-time"',
      '/limit_day must be >= 0',
      '/name is missing',
    ]);
    expect(placesOf('UpdateApiKey', {})).toEqual([' must NOT have fewer than 1 properties']);
  });

  it('is never changed by looking at it', () => {
    const body = { name: 'a', limit_minute: '5' };
    expect(placesOf('CreateApiKey', body)).toEqual(['/limit_minute must be integer or null']);
    expect(body).toEqual({ name: 'a', limit_minute: '5' });
  });

  it('is pointed at by a pointer that leads to the place', () => {
    const name = fc.string({ minLength: 1, unit: fc.constantFrom('/', '~', '0', '1', 'é', ' ') });
    fc.assert(
      fc.property(name, (field) => {
        const [place] = told('CreateRequest', { ...prompt, [field]: 1 })!.errors!;
        const unescaped = place!.pointer.slice(1).replaceAll('~1', '/').replaceAll('~0', '~');
        expect(unescaped).toBe(field);
      }),
    );
  });
});

describe('a query that is not valid', () => {
  it('is told the name of the parameter', () => {
    const query = { limit: '0', status: 'done', page: '2' };
    expect(placesOf('ListRequestsQuery', query, 'querystring')?.sort()).toEqual([
      'limit must be >= 1',
      'page is not a known field',
      'status must be one of pending, processing, completed, failed, cancelled, expired',
    ]);
    expect(told('ListRequestsQuery', { limit: 'ten' }, 'querystring')?.detail).toBe('limit must be integer.');
  });
});

describe('what is valid', () => {
  it('is a body as it is, and a query whose text is turned into numbers', () => {
    expect(told('CreateRequest', { ...prompt, system: 'a', format: { type: 'object' } })).toBeNull();
    expect(told('CreateRequest', { ...prompt, format: 'json', parameters: { think: 'low' } })).toBeNull();
    expect(told('CreateRequest', { messages: [{ role: 'user', content: '' }] })).toBeNull();
    const query = { limit: '7' };
    expect(told('ListRequestsQuery', query, 'querystring')).toBeNull();
    expect(query).toEqual({ limit: 7 });
  });
});

describe('the schemas', () => {
  it('are schemas, all compile, and each stands under its own name', () => {
    const schemas = new Ajv2020();
    for (const schema of SCHEMAS) {
      expect(schemas.validateSchema(schema), `${schema.$id}: ${schemas.errorsText()}`).toBe(true);
      expect(() => validatorOf({ $ref: `${schema.$id}#` }, 'body')({})).not.toThrow();
    }
    expect(new Set(SCHEMAS.map((schema) => schema.$id)).size).toBe(SCHEMAS.length);
  });
});
