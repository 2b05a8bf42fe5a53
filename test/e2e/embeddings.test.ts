/** Texts to embed go the way of prompts: kept before they are accepted, tried again, limited, and never answered by another model. */
import { Fila } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  simulatedEmbedding,
  startSimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const EMBEDDER = 'nomic-embed-text';

async function clientsOf(daemon: Daemon): Promise<{ admin: Fila; fila: Fila; key: string }> {
  const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
  const { key } = await admin.keys.create({ name: 'embeds' });
  return { admin, fila: new Fila({ url: daemon.url, apiKey: key }), key };
}

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  it.skipIf(!isAvailable)('texts to embed', async () => {
    const ollama = await startSimulatedOllama({ slots: 2 });
    onTestFinished(() => ollama.stop());
    const settings = {
      ...(await environment()),
      FILA_OLLAMA_URLS: `${ollama.url}#slots=2`,
      FILA_RETRY_BASE_MS: '20',
      FILA_MAX_ATTEMPTS: '2',
    };
    const first = await startDaemon(settings);
    const { fila: before, key } = await clientsOf(first);
    // Survive a kill -9 that comes right after the 202.
    ollama.control({ down: true });
    const kept = await before.requests.create({ model: EMBEDDER, input: ['one', 'two'], dimensions: 8 });
    await first.kill();
    ollama.control({ down: false });
    const daemon = await startDaemon(settings, first.dataDir);
    onTestFinished(async () => void (await daemon.stop()));
    const fila = new Fila({ url: daemon.url, apiKey: key });
    const vectors = ['one', 'two'].map((text) => simulatedEmbedding(EMBEDDER, text, 8));
    expect(await fila.requests.wait(kept.id)).toMatchObject({
      status: 'completed',
      result: { text: '', finish_reason: 'stop', embeddings: vectors },
      usage: { prompt_tokens: 2, completion_tokens: 0, total_tokens: 2 },
    });

    // Are tried again, and become a dead letter that can be retried.
    const { admin } = await clientsOf(daemon);
    const text = '[[fault:error_500]] again';
    const failed = await fila.requests.createAndWait({ model: EMBEDDER, input: text });
    expect(failed).toMatchObject({ status: 'failed', attempts: 2, error: { code: 'upstream_failed' } });
    const retried = await admin.deadLetters.retry(failed.id);
    expect((await fila.requests.wait(retried.id)).error?.code).toBe('upstream_failed');
    const sent = ollama.state().calls.filter(({ route }) => route === '/api/embed');
    expect(sent.at(-1)?.body).toMatchObject({ input: text });

    // Vectors of two models cannot be compared: no fallback.
    await admin.queues.create({ name: 'fallback', fallback_model: 'all-minilm' });
    const alone = await fila.requests.createAndWait({ model: EMBEDDER, input: text, queue: 'fallback' });
    expect(alone).toMatchObject({ status: 'failed', degraded: false, model: `${EMBEDDER}:latest` });
  });

  it.skipIf(!isAvailable)('texts that are too many, or vectors that are too large, are refused', async () => {
    const ollama = await startSimulatedOllama({ slots: 2 });
    onTestFinished(() => ollama.stop());
    const daemon = await startDaemon({
      ...(await environment()),
      FILA_OLLAMA_URLS: `${ollama.url}#slots=2`,
      FILA_MAX_ANSWER_BYTES: '20000',
    });
    onTestFinished(async () => void (await daemon.stop()));
    const { fila } = await clientsOf(daemon);
    const many = Array.from({ length: 513 }, () => 'x');
    const embed = (input: string[]) => fila.requests.createAndWait({ model: EMBEDDER, input });
    await expect(embed(many)).rejects.toMatchObject({ code: 'validation_failed' });
    await expect(embed([])).rejects.toMatchObject({ code: 'validation_failed' });
    expect((await embed(['x'])).status).toBe('completed');
    const large = await embed(['x', 'y', 'z']);
    expect(large).toMatchObject({ status: 'failed', attempts: 1, error: { code: 'upstream_invalid' } });
    expect(large.error?.message).toContain('20000 bytes');
    const long = await embed(['word '.repeat(20_000)]);
    expect(long).toMatchObject({ status: 'failed', attempts: 1, error: { code: 'context_exceeded' } });
  });
});
