import { describe, expect, expectTypeOf, it } from 'vitest';
import { ADMIN_TOKEN, aClient, anOperation, aProblem, REQUEST_ID } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';
import type { DeadLetterPreview, Operation } from '../types.generated.ts';

const DEAD_LETTERS = '/api/v1/admin/dead-letters';

describe('fila.deadLetters', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: { id: REQUEST_ID } }));
    const { deadLetters } = aClient(server.url).fila;
    await deadLetters.get(REQUEST_ID);
    await deadLetters.retry(REQUEST_ID);
    expect(await deadLetters.retry(REQUEST_ID, { reason: 'again' })).toEqual({ id: REQUEST_ID });
    await deadLetters.discard(REQUEST_ID, { reason: 'useless' });
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `GET ${DEAD_LETTERS}/${REQUEST_ID}`,
      `POST ${DEAD_LETTERS}/${REQUEST_ID}/retry {}`,
      `POST ${DEAD_LETTERS}/${REQUEST_ID}/retry {"reason":"again"}`,
      `POST ${DEAD_LETTERS}/${REQUEST_ID}/discard {"reason":"useless"}`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('lists page by page, through pages that are empty', async () => {
    const server = await scriptedServer([
      { json: { items: [], next_cursor: 'c1' } },
      { json: { items: [{ id: 'a' }], next_cursor: 'c2' } },
      { json: { items: [{ id: 'b' }], next_cursor: null } },
    ]);
    const ids: string[] = [];
    for await (const { id } of aClient(server.url).fila.deadLetters.list({ text: 'no memory' })) ids.push(id);
    expect(ids).toEqual(['a', 'b']);
    expect(server.calls.map((call) => call.url)).toEqual([
      `${DEAD_LETTERS}?text=no%20memory`,
      `${DEAD_LETTERS}?text=no%20memory&cursor=c1`,
      `${DEAD_LETTERS}?text=no%20memory&cursor=c2`,
    ]);
  });

  it('retries many as an operation, and counts them without touching any', async () => {
    const preview = { matched: 2, is_complete: true, sample: ['a', 'b'] };
    const server = await scriptedServer([{ status: 202, json: anOperation() }, { json: preview }]);
    const { deadLetters } = aClient(server.url).fila;
    const filter = { error_code: 'poison' };
    const operation = await deadLetters.retryMany({ filter, rate: 10 });
    expectTypeOf(operation).toEqualTypeOf<Operation>();
    expect(operation).toEqual(anOperation());
    const counted = await deadLetters.retryMany({ filter, dry_run: true });
    expectTypeOf(counted).toEqualTypeOf<DeadLetterPreview>();
    expect(counted).toEqual(preview);
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
      `POST ${DEAD_LETTERS}/retry {"filter":{"error_code":"poison"},"rate":10}`,
      `POST ${DEAD_LETTERS}/retry {"filter":{"error_code":"poison"},"dry_run":true}`,
    ]);
  });

  it('reports that somebody was faster, without trying again', async () => {
    const server = await scriptedServer([aProblem(409, 'conflict')]);
    await expect(aClient(server.url).fila.deadLetters.retry(REQUEST_ID)).rejects.toMatchObject({
      name: 'Conflict',
    });
    expect(server.calls).toHaveLength(1);
  });
});
