import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { differences } from './documented-shapes.ts';
import type { Json } from './test-calls.ts';
import { asked, errorOf, getJson, linesOf, post, postJson, startForTest } from './test-calls.ts';

const namesIn = (answer: Json) => (answer.models as Json[]).map((model) => model.name);

describe('what a server tells of itself', () => {
  it('is running, in plain text', async () => {
    const ollama = await startForTest();
    const response = await fetch(ollama.url);
    expect([await response.text(), response.headers.get('content-type')]).toEqual([
      'Ollama is running',
      'text/plain; charset=utf-8',
    ]);
  });

  it('has a version that is clearly no real one, and a cloud status', async () => {
    const ollama = await startForTest();
    const version = await getJson(ollama, '/api/version');
    expect(differences('version', version)).toEqual([]);
    expect(version.version).toMatch(/^\d+\.\d+\.\d+-simulated$/);
    expect(await getJson(ollama, '/api/status')).toEqual({ cloud: { disabled: false, source: 'none' } });
    ollama.control({ cloudDisabled: true });
    const status = await getJson(ollama, '/api/status');
    expect(differences('status', status)).toEqual([]);
    expect(status).toEqual({ cloud: { disabled: true, source: 'env' } });
  });
});

describe('what a server tells of its models', () => {
  it('lists what is installed, remote models with their host', async () => {
    const ollama = await startForTest();
    const tags = await getJson(ollama, '/api/tags');
    expect(differences('tags', tags)).toEqual([]);
    expect(namesIn(tags)).toEqual(['llama3:8b', 'gemma2:2b', 'qwen3:8b', 'nomic-embed-text:latest']);
    ollama.control({ models: [{ name: 'far', remoteHost: 'https://far.example' }] });
    const remote = await getJson(ollama, '/api/tags');
    expect(differences('tags', remote)).toEqual([]);
    expect(remote.models).toMatchObject([{ remote_host: 'https://far.example', remote_model: 'far:latest' }]);
  });

  it('shows in /api/ps what is loaded, with the part that fits the card and when it goes', async () => {
    const ollama = await startForTest();
    expect(await getJson(ollama, '/api/ps')).toEqual({ models: [] });
    await postJson(
      ollama,
      '/api/generate',
      asked('a', { stream: false, keep_alive: '10m', options: { num_ctx: 2_048 } }),
    );
    await postJson(ollama, '/api/generate', { model: 'gemma2:2b', keep_alive: -1 });
    const ps = await getJson(ollama, '/api/ps');
    expect(differences('ps', ps)).toEqual([]);
    expect(namesIn(ps)).toEqual(['gemma2:2b', 'llama3:8b']);
    const [forEver, limited] = ps.models as {
      expires_at: string;
      size: number;
      size_vram: number;
      context_length: number;
    }[];
    expect(limited!.size_vram).toBeLessThan(limited!.size);
    expect(limited!.context_length).toBe(2_048);
    expect(Date.parse(limited!.expires_at) - Date.now()).toBeGreaterThan(590_000);
    expect(Date.parse(limited!.expires_at) - Date.now()).toBeLessThanOrEqual(600_000);
    expect(new Date(forEver!.expires_at).getFullYear()).toBeGreaterThan(2_300);
  });

  it('shows one model with what it can do', async () => {
    const ollama = await startForTest();
    const shown = await postJson(ollama, '/api/show', { model: 'qwen3:8b' });
    expect(differences('show', shown)).toEqual([]);
    expect(shown.capabilities).toEqual(['completion', 'tools', 'thinking']);
    expect(shown.model_info).toMatchObject({ 'qwen3.context_length': 40_960 });
    expect((await postJson(ollama, '/api/show', { name: 'nomic-embed-text' })).capabilities).toEqual([
      'embedding',
    ]);
    expect(await errorOf(await post(ollama, '/api/show', { model: 'x' }))).toEqual([
      404,
      "model 'x' not found",
    ]);
    expect(await errorOf(await post(ollama, '/api/show', {}))).toEqual([400, 'model is required']);
  });
});

describe('managing models', () => {
  it('pulls with its progress, and then has the model', async () => {
    const ollama = await startForTest();
    const lines = await linesOf(await post(ollama, '/api/pull', { model: 'mistral' }));
    for (const line of lines) expect(differences('progress', line)).toEqual([]);
    expect([lines[0]!.status, lines.at(-1)!.status]).toEqual(['pulling manifest', 'success']);
    expect(namesIn(await getJson(ollama, '/api/tags'))).toContain('mistral:latest');
    expect(await postJson(ollama, '/api/pull', { model: 'phi3', stream: false })).toEqual({
      status: 'success',
    });
    expect(ollama.state().counters.managementCalls).toBe(2);
  });

  it('copies and deletes, and knows what it has not', async () => {
    const ollama = await startForTest();
    const remove = (model: string) =>
      fetch(`${ollama.url}/api/delete`, { method: 'DELETE', body: JSON.stringify({ model }) });
    expect((await post(ollama, '/api/copy', { source: 'llama3:8b', destination: 'mine' })).status).toBe(200);
    expect((await remove('llama3:8b')).status).toBe(200);
    const names = namesIn(await getJson(ollama, '/api/tags'));
    expect(names).toContain('mine:latest');
    expect(names).not.toContain('llama3:8b');
    expect(await errorOf(await remove('llama3:8b'))).toEqual([404, "model 'llama3:8b' not found"]);
    expect(await errorOf(await post(ollama, '/api/copy', { source: 'x', destination: 'y' }))).toEqual([
      404,
      'model "x" not found',
    ]);
  });

  it('creates from what is there, and pushes no further than it says', async () => {
    const ollama = await startForTest();
    const made = await linesOf(await post(ollama, '/api/create', { model: 'mine', from: 'llama3:8b' }));
    const pushed = await linesOf(await post(ollama, '/api/push', { model: 'mine' }));
    for (const line of [...made, ...pushed]) expect(differences('progress', line)).toEqual([]);
    expect([made.at(-1), pushed.at(-1)]).toEqual([{ status: 'success' }, { status: 'success' }]);
    expect(namesIn(await getJson(ollama, '/api/tags'))).toContain('mine:latest');
    expect((await post(ollama, '/api/create', { model: 'a', from: 'x' })).status).toBe(404);
    expect((await post(ollama, '/api/push', { model: 'x' })).status).toBe(404);
  });

  it('cannot pull what no registry has', async () => {
    const ollama = await startForTest();
    const error = 'pull model manifest: file does not exist';
    expect((await linesOf(await post(ollama, '/api/pull', { model: 'none' }))).at(-1)).toEqual({ error });
    expect(await errorOf(await post(ollama, '/api/pull', { model: 'a/none', stream: false }))).toEqual([
      500,
      error,
    ]);
  });

  it('takes a blob whose digest is right', async () => {
    const ollama = await startForTest();
    const digest = `sha256:${hash('sha256', 'weights', 'hex')}`;
    const url = `${ollama.url}/api/blobs/${digest}`;
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
    expect((await fetch(url, { method: 'POST', body: 'others' })).status).toBe(400);
    expect((await fetch(url, { method: 'POST', body: 'weights' })).status).toBe(201);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });
});
