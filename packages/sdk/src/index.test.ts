import { describe, expect, expectTypeOf, it } from 'vitest';
import * as sdk from './index.ts';

describe('the public names', () => {
  it('are these', () => {
    expect(Object.keys(sdk).sort()).toEqual([
      'Aborted',
      'Conflict',
      'ConnectionFailed',
      'Fila',
      'FilaError',
      'InvalidRequest',
      'InvalidWebhook',
      'NotAllowed',
      'NotFound',
      'RateLimited',
      'RequestFailed',
      'TimedOut',
      'Unavailable',
      'isFilaError',
    ]);
  });

  it('have the types that the documentation promises', () => {
    type Requests = sdk.Requests;
    expectTypeOf<ConstructorParameters<typeof sdk.Fila>>().toEqualTypeOf<[options?: sdk.FilaOptions]>();
    expectTypeOf<sdk.Fila['authenticate']>().returns.toEqualTypeOf<sdk.FilaPromise<sdk.Authentication>>();
    expectTypeOf<Requests['create']>().parameter(0).toEqualTypeOf<sdk.CreateRequest>();
    expectTypeOf<Requests['create']>().returns.resolves.toEqualTypeOf<sdk.Request>();
    expectTypeOf<Requests['wait']>()
      .returns.resolves.toHaveProperty('status')
      .toEqualTypeOf<sdk.RequestStatus>();
    expectTypeOf<Requests['list']>().returns.toExtend<AsyncIterable<sdk.Request>>();
    expectTypeOf<ReturnType<Requests['list']>['page']>().returns.resolves.toEqualTypeOf<sdk.RequestList>();
    expectTypeOf<sdk.Keys['create']>().returns.resolves.toEqualTypeOf<sdk.CreatedApiKey>();
    expectTypeOf<sdk.Keys['list']>().returns.toEqualTypeOf<sdk.Listing<sdk.ApiKey, sdk.ApiKeyList>>();
    expectTypeOf<sdk.Keys['revoke']>().returns.resolves.toEqualTypeOf<sdk.ApiKey>();
    expectTypeOf<sdk.Health['ready']>().returns.resolves.toEqualTypeOf<sdk.Readiness>();
    expectTypeOf<sdk.FilaPromise<sdk.Liveness>['withResponse']>().returns.resolves.toEqualTypeOf<
      sdk.FilaResponse<sdk.Liveness>
    >();
    expectTypeOf<typeof fetch>().toExtend<sdk.FetchLike>();
    expectTypeOf(sdk.isFilaError).guards.toEqualTypeOf<sdk.FilaError>();
  });

  it('refuse a field that the contract does not have', () => {
    // @ts-expect-error the contract has no such field
    const body: sdk.CreateRequest = { prompt: 'x', promt: 'y' };
    // @ts-expect-error neither is this a status
    const query: sdk.ListRequestsQuery = { status: 'done' };
    // @ts-expect-error what tests may set is no option for everybody
    const options: sdk.FilaOptions = { sleep: async () => undefined };
    expect([body, query, options]).toHaveLength(3);
  });

  it('keep the kinds of errors apart', () => {
    const kindOf = (error: sdk.FilaError): string => {
      if (error instanceof sdk.NotFound) return error.name;
      if (error instanceof sdk.RateLimited) return `${error.name} ${error.retryAfterMs}`;
      expectTypeOf(error).toEqualTypeOf<sdk.FilaError>();
      return error.code;
    };
    const facts = { code: 'x', detail: 'x', retryable: true };
    expect(kindOf(new sdk.NotFound(facts))).toBe('NotFound');
    expect(kindOf(new sdk.RateLimited({ ...facts, retryAfterMs: 5 }))).toBe('RateLimited 5');
    expect(kindOf(new sdk.TimedOut(facts))).toBe('x');
  });
});
