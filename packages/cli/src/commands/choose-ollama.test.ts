import { afterEach, describe, expect, it } from 'vitest';
import { startScriptedBroker, type ScriptedBroker } from '../testing/scripted-broker.ts';
import { answersLikeOllama, chooseModel } from './choose-ollama.ts';

const servers: ScriptedBroker[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serverSaying(body: unknown, status = 200): Promise<string> {
  const server = await startScriptedBroker(() => ({ status, body }));
  servers.push(server);
  return server.url;
}

describe('answersLikeOllama', () => {
  it.each([
    ['an Ollama', { version: '0.12.0' }, 200, true],
    ['another server', { hello: 'world' }, 200, false],
    ['a server that refuses', { version: '0.12.0' }, 500, false],
    ['something that sends no object', null, 200, false],
  ])('%s', async (_what, body, status, expected) => {
    expect(await answersLikeOllama(await serverSaying(body, status))).toBe(expected);
  });

  it('is false when nothing listens there', async () => {
    const url = await serverSaying({});
    await servers.pop()!.stop();
    expect(await answersLikeOllama(url)).toBe(false);
  });
});

describe('chooseModel', () => {
  const bert = { name: 'nomic-embed-text:latest', details: { family: 'nomic-bert' } };
  const cloud = { name: 'gpt-oss:120b-cloud', remote_host: 'https://ollama.com' };
  const local = { name: 'qwen3:8b', details: { family: 'qwen3' } };

  it.each([
    {
      given: 'the wanted one',
      models: [local, { name: 'llama3:8b' }],
      wanted: 'llama3:8b',
      chosen: 'llama3:8b',
    },
    { given: 'its latest', models: [{ name: 'mistral:latest' }], wanted: 'mistral', chosen: 'mistral' },
  ])('takes the wanted model when $given is installed', async ({ models, wanted, chosen }) => {
    expect(await chooseModel(await serverSaying({ models }), wanted)).toEqual({ model: chosen });
  });

  it('else takes the first that writes text in this house, and says so', async () => {
    const url = await serverSaying({ models: [bert, cloud, local] });
    expect(await chooseModel(url, 'llama3:8b')).toEqual({
      model: 'qwen3:8b',
      remark: 'the first installed one, because llama3:8b is not installed',
    });
  });

  it.each([[{ models: [] }], [{ models: [bert, null, 5] }], [{}], [null]])(
    'keeps the wanted model and says how to get it when there is no other (%j)',
    async (body) => {
      const { model, remark } = await chooseModel(await serverSaying(body), 'llama3:8b');
      expect(model).toBe('llama3:8b');
      expect(remark).toContain('ollama pull llama3:8b');
    },
  );
});
