import { describe, expect, it } from 'vitest';
import { aClient, ADMIN_TOKEN, anOperation, aProblem, OPERATION_ID } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';
import type { Operation } from '../types.generated.ts';

const OPERATIONS = '/api/v1/admin/operations';

describe('fila.operations', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: anOperation() }));
    const { operations } = aClient(server.url).fila;
    await operations.get(OPERATION_ID);
    expect(await operations.cancel(OPERATION_ID)).toEqual(anOperation());
    expect(server.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${OPERATIONS}/${OPERATION_ID}`,
      `POST ${OPERATIONS}/${OPERATION_ID}/cancel`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('lists page by page', async () => {
    const server = await scriptedServer([
      { json: { items: [anOperation({ id: 'op_a' })], next_cursor: 'c1' } },
      { json: { items: [anOperation({ id: 'op_b' })], next_cursor: null } },
    ]);
    const ids: string[] = [];
    for await (const { id } of aClient(server.url).fila.operations.list({ state: 'running' })) ids.push(id);
    expect(ids).toEqual(['op_a', 'op_b']);
    expect(server.calls[1]?.url).toBe(`${OPERATIONS}?state=running&cursor=c1`);
  });

  it('waits through a lost connection until it is over, and says each change once', async () => {
    const over = anOperation({ state: 'completed', matched: 2, done: 2 });
    const server = await scriptedServer([
      { json: anOperation() },
      { instead: 'drop' },
      aProblem(503, 'unavailable'),
      { json: anOperation() },
      { json: anOperation({ matched: 2, done: 1 }) },
      { json: over },
    ]);
    const seen: Operation[] = [];
    const { fila } = aClient(server.url);
    const last = await fila.operations.wait(OPERATION_ID, { onChange: (now) => seen.push(now) });
    expect(last).toEqual(over);
    expect(seen.map(({ state, done }) => `${state} ${done}`)).toEqual([
      'running 0',
      'running 1',
      'completed 2',
    ]);
  });

  it('gives up in time, and when it is told to', async () => {
    const server = await scriptedServer(() => ({ json: anOperation() }));
    const { operations } = aClient(server.url).fila;
    await expect(operations.wait(OPERATION_ID, { timeoutMs: 30 })).rejects.toMatchObject({
      name: 'TimedOut',
      detail: expect.stringContaining(OPERATION_ID),
    });
    const controller = new AbortController();
    const waiting = operations.wait(OPERATION_ID, {
      signal: controller.signal,
      onChange: () => controller.abort(),
    });
    await expect(waiting).rejects.toMatchObject({ name: 'Aborted' });
  });

  it('does not wait for what is not there', async () => {
    const server = await scriptedServer([aProblem(404, 'not_found')]);
    await expect(aClient(server.url).fila.operations.wait(OPERATION_ID)).rejects.toMatchObject({
      name: 'NotFound',
    });
  });
});
