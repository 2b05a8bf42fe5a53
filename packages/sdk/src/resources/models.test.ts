import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, aClient } from '../testing/samples.ts';
import { scriptedServer } from '../testing/scripted-server.ts';

describe('fila.models', () => {
  it('lists, preloads and names with the admin token', async () => {
    const server = await scriptedServer(() => ({ json: { items: [], next_cursor: null } }));
    const { models } = aClient(server.url).fila;
    expect((await models.list()).items).toEqual([]);
    await models.preload({ model: 'llama3:8b', upstream: 'gpu-1:11434', keep_alive: '30m' });
    await models.aliases.list();
    await models.aliases.set('fast', { model: 'gemma2:2b' });
    await models.aliases.remove('fast');
    expect(server.calls.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      'GET /api/v1/admin/models',
      'POST /api/v1/admin/models/preload {"model":"llama3:8b","upstream":"gpu-1:11434","keep_alive":"30m"}',
      'GET /api/v1/admin/models/aliases',
      'PUT /api/v1/admin/models/aliases/fast {"model":"gemma2:2b"}',
      'DELETE /api/v1/admin/models/aliases/fast',
    ]);
    for (const { headers } of server.calls) expect(headers.authorization).toBe(`Bearer ${ADMIN_TOKEN}`);
  });
});
