import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient, aProblem } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';
import type { Queue } from '../types.generated.ts';

const QUEUES = '/api/v1/admin/queues';
const CHAT: Queue = {
  ...{ name: 'chat', state: 'active', concurrency: 2, max_attempts: null, retry_base_ms: null },
  ...{ retry_cap_ms: null, total_timeout_ms: null, max_prompt_bytes: null, max_queued: 100 },
  ...{ fallback_model: 'small', default_priority: 7, pending: 3, delayed: 1, running: 2 },
  ...{ counts_up_to: 10_000, oldest_wait_ms: 1_500, created_at: '2026-01-01T00:00:00.000Z' },
};

describe('fila.queues', () => {
  it('has a path for each verb, and the admin token on each', async () => {
    const server = await scriptedServer(() => ({ json: CHAT }));
    const { queues } = aClient(server.url).fila;
    await queues.create({ name: 'chat', concurrency: 2 });
    await queues.get('chat');
    await queues.update('chat', { fallback_model: null });
    await queues.list();
    await queues.pause('chat');
    await queues.resume('chat');
    await queues.drain('chat');
    expect(await queues.remove('chat')).toEqual(CHAT);
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      `POST ${QUEUES} {"name":"chat","concurrency":2}`,
      `GET ${QUEUES}/chat`,
      `PUT ${QUEUES}/chat {"fallback_model":null}`,
      `GET ${QUEUES}`,
      `POST ${QUEUES}/chat/pause`,
      `POST ${QUEUES}/chat/resume`,
      `POST ${QUEUES}/chat/drain`,
      `DELETE ${QUEUES}/chat`,
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });

  it('refuses a name that would be another path', async () => {
    const server = await scriptedServer(() => ({ json: CHAT }));
    for (const name of ['', '..', 'a/b', 'a?b'])
      await expect(aClient(server.url).fila.queues.pause(name)).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    expect(server.calls).toHaveLength(0);
  });

  it('reports a conflict without trying again', async () => {
    const server = await scriptedServer([aProblem(409, 'conflict')]);
    await expect(aClient(server.url).fila.queues.remove('chat')).rejects.toMatchObject({ name: 'Conflict' });
    expect(server.calls).toHaveLength(1);
  });
});
