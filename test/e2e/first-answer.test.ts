/** The main story, on both sets of engines: a key, a prompt, an answer; through the SDK, every answer held to the contract. */
import { Fila, isFilaError, type Request } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checked, checkedFetch } from '../helpers/checked-fetch.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('the main story', () => {
    let ollama: SimulatedOllama;
    let daemon: Daemon;
    let admin: Fila;
    let fila: Fila;

    const client = (apiKey: string): Fila =>
      new Fila({ url: daemon.url, apiKey, fetch: checkedFetch, maxRetries: 0 });

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4 });
      daemon = await startDaemon({
        ...(await environment()),
        FILA_OLLAMA_URLS: `${ollama.url}#slots=4`,
        FILA_RETRY_BASE_MS: '50',
      });
      admin = new Fila({
        url: daemon.url,
        adminToken: daemon.adminToken,
        fetch: checkedFetch,
        maxRetries: 0,
      });
      fila = client((await admin.keys.create({ name: 'shop' })).key);
    });
    afterAll(async () => {
      expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    it('says that it is ready', async () => {
      const { status, checks } = await admin.health.ready({ verbose: true });
      expect({ status, checks }).toMatchObject({
        status: 'ok',
        checks: expect.arrayContaining([expect.objectContaining({ name: 'database', status: 'ok' })]),
      });
      expect(await admin.health.live()).toEqual({ status: 'ok' });
    });

    it('answers a prompt within one call when the client waits', async () => {
      const { data, status, headers } = await fila.requests
        .create({ prompt: 'What is a queue?' }, { waitSeconds: 10 })
        .withResponse();
      expect(status).toBe(200);
      expect(headers.get('preference-applied')).toBe('wait=10');
      expect(data).toMatchObject({ status: 'completed', attempts: 1, error: null, model: 'llama3:8b' });
      expect(data.result?.text).toBe(simulatedAnswer('llama3:8b', 'What is a queue?'));
      expect(data.usage!.total_tokens).toBe(data.usage!.prompt_tokens + data.usage!.completion_tokens);
    });

    it('answers 202 at once when it does not, and the answer comes later', async () => {
      const { data, status, headers } = await fila.requests.create({ prompt: 'later' }).withResponse();
      expect(status).toBe(202);
      expect(headers.get('location')).toBe(`/api/v1/requests/${data.id}`);
      expect((await fila.requests.wait(data.id)).result?.text).toBe(simulatedAnswer('llama3:8b', 'later'));
    });

    it('gives metadata back unchanged', async () => {
      const metadata = { user: 'joão', nested: { list: [1, null, true] }, __proto__: { a: 1 } };
      const request = await fila.requests.createAndWait({ prompt: 'with metadata', metadata });
      expect(request.metadata).toEqual(metadata);
    });

    it('passes a conversation and every parameter to the model', async () => {
      const messages: { role: 'system' | 'user'; content: string }[] = [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'Say hello.' },
      ];
      const request = await fila.requests.createAndWait({
        messages,
        model: 'gemma2:2b',
        parameters: { max_tokens: 3, temperature: 0.1, seed: 7, stop: ['END'] },
      });
      expect(request).toMatchObject({
        status: 'completed',
        model: 'gemma2:2b',
        result: { finish_reason: 'length' },
        usage: { completion_tokens: 3 },
      });
      const call = ollama.state().calls.findLast(({ body }) => JSON.stringify(body).includes('Say hello.'));
      expect(call?.body).toMatchObject({
        model: 'gemma2:2b',
        stream: true,
        messages,
        options: { num_predict: 3, temperature: 0.1, seed: 7, stop: ['END'] },
      });
    });

    it('retries what may succeed, and counts the attempts', async () => {
      ollama.control({ faults: { next: [{ fault: 'error_500', times: 2 }] } });
      const request = await fila.requests.createAndWait({ prompt: 'try again' });
      expect(request).toMatchObject({ status: 'completed', attempts: 3 });
    });

    it('fails at once when trying again cannot help', async () => {
      const request = await fila.requests.createAndWait({
        prompt: 'nobody has this model',
        model: 'missing:1b',
      });
      expect(request).toMatchObject({
        status: 'failed',
        attempts: 1,
        error: { code: 'model_not_found' },
        result: null,
      });
    });

    it('fails after the last attempt, with the last error', async () => {
      const request = await fila.requests.createAndWait(
        { prompt: '[[fault:mid_stream_error]] for ever' },
        { timeoutMs: 60_000 },
      );
      expect(request).toMatchObject({
        status: 'failed',
        attempts: 5,
        error: { code: 'upstream_failed' },
        result: null,
      });
    });

    it('cancels a running request and frees its slot', async () => {
      const { id } = await fila.requests.create({ prompt: '[[fault:hang_mid_stream]] cancel me' });
      for await (const request of watch(fila, id)) if (request.status === 'processing') break;
      expect(await fila.requests.cancel(id)).toMatchObject({ status: 'cancelled', result: null });
      expect(await fila.requests.cancel(id)).toMatchObject({ status: 'cancelled' });
      const others = await Promise.all(
        [1, 2, 3, 4].map((n) => fila.requests.createAndWait({ prompt: `after the cancel ${n}` })),
      );
      expect(others.map((one) => one.status)).toEqual(['completed', 'completed', 'completed', 'completed']);
    });

    it('refuses to cancel what has ended', async () => {
      const { id } = await fila.requests.createAndWait({ prompt: 'too late' });
      await expect(fila.requests.cancel(id)).rejects.toMatchObject({ code: 'conflict', status: 409 });
    });

    it('runs a request not before its time', async () => {
      const runAt = Date.now() + 1_500;
      const request = await fila.requests.createAndWait({
        prompt: 'not yet',
        run_at: new Date(runAt).toISOString(),
      });
      expect(request.status).toBe('completed');
      expect(Date.parse(request.started_at!)).toBeGreaterThanOrEqual(runAt);
    });

    it('expires a request that nobody answered in time', async () => {
      const deadline = new Date(Date.now() + 1_000).toISOString();
      const request = await fila.requests.createAndWait({
        prompt: '[[fault:hang_headers]] too slow',
        deadline,
      });
      expect(request).toMatchObject({ status: 'expired', error: { code: 'deadline_exceeded' } });
    });

    it('shows a key its own requests and no others', async () => {
      const other = client((await admin.keys.create({ name: 'other' })).key);
      const { id } = await other.requests.createAndWait({ prompt: 'private' });
      await expect(fila.requests.get(id)).rejects.toMatchObject({ code: 'not_found', status: 404 });
      await expect(fila.requests.cancel(id)).rejects.toMatchObject({ code: 'not_found' });
      const seen: string[] = [];
      for await (const request of fila.requests.list({ limit: 5 })) seen.push(request.id);
      expect(seen).not.toContain(id);
      expect(seen.length).toBeGreaterThan(5);
      expect([...seen].sort().reverse()).toEqual(seen);
      expect(new Set(seen).size).toBe(seen.length);
    });

    it('refuses a key that was suspended or revoked, within a second, and accepts it again when resumed', async () => {
      const { id, key } = await admin.keys.create({ name: 'short life' });
      const theirs = client(key);
      expect((await theirs.authenticate()).key.name).toBe('short life');
      await admin.keys.suspend(id);
      await expect(theirs.authenticate()).rejects.toMatchObject({ code: 'unauthorized' });
      await admin.keys.resume(id);
      await theirs.authenticate();
      expect(await admin.keys.revoke(id)).toMatchObject({ status: 'revoked' });
      const refused = await theirs.authenticate().catch((error: unknown) => error);
      expect(isFilaError(refused) && refused.status).toBe(401);
      await expect(admin.keys.resume(id)).rejects.toMatchObject({ code: 'conflict' });
    });

    it('has held all of these answers to openapi.json', () => {
      expect(checked.answers).toBeGreaterThan(40);
    });
  });
});

/** The request again and again, each time it may have changed. */
async function* watch(fila: Fila, id: string): AsyncGenerator<Request> {
  for (;;) yield await fila.requests.get(id);
}
