import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOllamaClient, type CallOptions, type OllamaClient } from './ollama-client.ts';
import { startRawServer } from './testing/raw-server.ts';
import { startScriptedOllama, type ScriptedOllama } from './testing/scripted-ollama.ts';

const LONG = { connectMs: 10_000, firstTokenMs: 10_000, gapMs: 10_000, totalMs: 10_000 };
const PATIENT: CallOptions = { timers: LONG, maxAnswerBytes: 1_000_000 };
const ASK = { model: 'llama3:8b', prompt: 'a secret prompt' };

let ollama: ScriptedOllama;
let client: OllamaClient;

beforeEach(async () => {
  ollama = await startScriptedOllama();
  client = createOllamaClient(ollama.url);
});

afterEach(async () => {
  await client.close();
  await ollama.stop();
});

describe('what Ollama is asked', () => {
  it('a prompt goes to generate: streamed, limited, without thinking, never cut', async () => {
    await client.run({ ...ASK, system: 'be brief' }, PATIENT);
    expect(ollama.requests).toEqual([
      {
        path: '/api/generate',
        body: {
          model: 'llama3:8b',
          prompt: 'a secret prompt',
          system: 'be brief',
          stream: true,
          think: false,
          truncate: false,
          options: { num_predict: 4096 },
        },
      },
    ]);
  });

  it('messages go to chat, a system text before them', async () => {
    const messages = [{ role: 'user' as const, content: 'hi' }];
    await client.run({ model: 'm', system: 'be brief', messages }, PATIENT);
    const [request] = ollama.requests;
    expect(request?.path).toBe('/api/chat');
    expect(request?.body.messages).toEqual([{ role: 'system', content: 'be brief' }, ...messages]);
  });

  it('parameters become options under their names at Ollama, and nothing else gets through', async () => {
    const parameters = {
      temperature: 0.1,
      max_tokens: 9,
      top_p: 0.2,
      top_k: 3,
      min_p: 0.4,
      seed: 5,
      stop: ['x'],
      repeat_penalty: 1.1,
      presence_penalty: 0.6,
      frequency_penalty: 0.7,
      num_ctx: 8192,
      think: 'low' as const,
      num_gpu: 0,
      keep_alive: -1,
    };
    await client.run({ ...ASK, format: { type: 'object' }, parameters }, PATIENT);
    const body = ollama.requests[0]!.body;
    expect(body).toMatchObject({ think: 'low', format: { type: 'object' } });
    expect(body).not.toHaveProperty('keep_alive');
    expect(body.options).toEqual({
      temperature: 0.1,
      num_predict: 9,
      top_p: 0.2,
      top_k: 3,
      min_p: 0.4,
      seed: 5,
      stop: ['x'],
      repeat_penalty: 1.1,
      presence_penalty: 0.6,
      frequency_penalty: 0.7,
      num_ctx: 8192,
    });
  });

  it('the limit on answers, keep_alive and a path before Ollama come from how the client was made', async () => {
    const other = createOllamaClient(`${ollama.url}/proxy/`, { defaultMaxTokens: 7, keepAlive: '10m' });
    await other.run(ASK, PATIENT);
    await other.close();
    expect(ollama.requests[0]).toMatchObject({
      path: '/proxy/api/generate',
      body: { keep_alive: '10m', options: { num_predict: 7 } },
    });
  });
});

describe('what Ollama says of itself', () => {
  it('is its version, what is installed and what is loaded', async () => {
    ollama.models = [
      {
        ...{ name: 'llama3:8b', size: 5, size_vram: 3, context_length: 4096 },
        ...{ expires_at: '2030-01-01T00:00:00Z', modified_at: '2026-01-01T00:00:00Z' },
        ...{ digest: 'd', details: { family: 'llama' }, capabilities: ['tools'] },
      },
      { name: 'far', size: 1, remote_host: 'https://ollama.example:443' },
    ];
    expect(await client.version()).toBe('0.99.0');
    expect(await client.installed()).toEqual([
      {
        ...{ name: 'llama3:8b', sizeBytes: 5, modifiedAt: '2026-01-01T00:00:00Z' },
        ...{ digest: 'd', details: { family: 'llama' }, capabilities: ['tools'] },
      },
      {
        ...{ name: 'far', sizeBytes: 1, modifiedAt: '', digest: '', details: {} },
        remoteHost: 'https://ollama.example:443',
      },
    ]);
    expect((await client.resident())[0]).toEqual({
      name: 'llama3:8b',
      sizeBytes: 5,
      digest: 'd',
      details: { family: 'llama' },
      vramBytes: 3,
      contextLength: 4096,
      expiresAt: '2030-01-01T00:00:00Z',
    });
  });

  it.each(['<html></html>', '[]', '{"version":1,"models":{}}', '{"models":[{"size":1}]}', ''])(
    'is refused when it is %j',
    async (body) => {
      ollama.brokenProbe = body;
      await expect(client.version()).rejects.toThrow("not of the shape of Ollama's");
      await expect(client.installed()).rejects.toThrow("not of the shape of Ollama's");
    },
  );

  it('may be nothing installed', async () => {
    ollama.models = null;
    expect(await client.installed()).toEqual([]);
  });

  it('is not waited for longer than the caller wants', async () => {
    const silent = await startRawServer((socket) => socket.on('data', () => stop.abort()));
    const stop = new AbortController();
    const raw = createOllamaClient(`http://127.0.0.1:${silent.port}`);
    await expect(raw.version(stop.signal)).rejects.toThrow('did not answer in time');
    silent.stop();
  });

  it('is an error without an address when nobody is there', async () => {
    await ollama.stop();
    await expect(client.version()).rejects.toThrow(/^The upstream refused the connection\.$/);
  });
});
