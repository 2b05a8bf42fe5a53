/** Aliases of models as clients and operators meet them: through HTTP, the doors, the SDK and the commands. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  simulatedAnswer,
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const run = promisify(execFile);
const MODEL = 'gemma2:2b';
/** What is promised is a second; the rest is for a busy machine. */
const SOON = { timeout: 5_000, interval: 50 };

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('aliases', () => {
    let ollama: SimulatedOllama;
    let daemons: Daemon[];
    let admin: Fila;
    let key: string;

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4 });
      const engines = await environment();
      // Several brokers only where they share their engines.
      const count = 'FILA_REDIS_URL' in engines ? 2 : 1;
      daemons = [];
      for (let i = 0; i < count; i++)
        daemons.push(await startDaemon({ ...engines, FILA_OLLAMA_URLS: `${ollama.url}#slots=4` }));
      const [first] = daemons;
      admin = new Fila({ ...{ url: first!.url, adminToken: first!.adminToken }, fetch: checkedFetch });
      ({ key } = await admin.keys.create({ name: 'shop' }));
    });
    afterAll(async () => {
      for (const daemon of daemons) expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    const client = (n = 0): Fila =>
      new Fila({ url: daemons[n]!.url, apiKey: key, fetch: checkedFetch, maxRetries: 0 });
    const call = async (n: number, path: string, body?: object): Promise<unknown> => {
      const answer = await fetch(daemons[n]!.url + path, {
        method: body ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: body && JSON.stringify(body),
      });
      return answer.json();
    };
    const modelAt = async (n: number, model: string): Promise<string> =>
      (await client(n).requests.create({ prompt: 'Hello', model })).model;
    const everywhere = (look: (n: number) => Promise<void>): Promise<void[]> =>
      Promise.all(daemons.map((_, n) => vi.waitFor(() => look(n), SOON)));

    it('give the model to who asks for it, on every broker; the request names the model', async () => {
      await admin.models.aliases.set('fast', { model: MODEL });
      expect(await modelAt(0, 'fast')).toBe(MODEL);
      await everywhere(async (n) => expect(await modelAt(n, 'fast')).toBe(MODEL));
      const { id } = await client().requests.create({ prompt: 'Hello', model: 'fast' });
      expect(await client().requests.wait(id)).toMatchObject({
        ...{ status: 'completed', model: MODEL, result: { text: simulatedAnswer(MODEL, 'Hello') } },
      });
      expect(await client().requests.get(id)).toMatchObject({ model: MODEL });
    });

    it('work at the doors, whose lists show them', async () => {
      await admin.models.aliases.set('gpt-4o', { model: MODEL });
      await everywhere(async (n) => {
        const { data } = (await call(n, '/v1/models')) as { data: { id: string }[] };
        expect(data.map(({ id }) => id)).toContain('gpt-4o');
        const { models } = (await call(n, '/api/tags')) as { models: { name: string }[] };
        expect(models.map(({ name }) => name)).toContain('gpt-4o');
        const messages = [{ role: 'user', content: 'Hello' }];
        expect(await call(n, '/v1/chat/completions', { model: 'gpt-4o', messages })).toMatchObject({
          ...{
            model: 'gpt-4o',
            choices: [{ message: { content: expect.stringContaining(MODEL) as string } }],
          },
        });
        expect(
          await call(n, '/api/generate', { model: 'gpt-4o', prompt: 'Hello', stream: false }),
        ).toMatchObject({ model: 'gpt-4o', response: simulatedAnswer(MODEL, 'Hello') });
      });
    });

    it('repeat a request under its key although the alias means another model by now', async () => {
      await admin.models.aliases.set('moving', { model: MODEL });
      const send = () =>
        client().requests.create({ prompt: 'Hello', model: 'moving' }, { idempotencyKey: 'once' });
      const first = await send();
      await admin.models.aliases.set('moving', { model: 'llama3:8b' });
      expect(await modelAt(0, 'moving')).toBe('llama3:8b');
      expect(await send()).toMatchObject({ id: first.id, model: MODEL });
    });

    it('may be what requests get that name no model', async () => {
      await admin.models.aliases.set('usual', { model: MODEL });
      await admin.settings.set('defaultModel', { value: 'usual' });
      expect(await client().requests.create({ prompt: 'Hello' })).toMatchObject({ model: MODEL });
      await admin.settings.unset('defaultModel');
    });

    it('stand for models only, and every change is in the audit trail', async () => {
      const wrong = admin.models.aliases.set('quick', { model: 'fast' });
      await expect(wrong).rejects.toMatchObject({ name: 'InvalidRequest', errors: [{ pointer: '/model' }] });
      await expect(admin.models.aliases.remove('nobody')).rejects.toMatchObject({ name: 'NotFound' });
      const { items } = await admin.audit.list({ target: 'moving' }).page();
      expect(items.map(({ act, outcome, changed }) => [act, outcome, changed])).toEqual([
        ['models.alias', 'done', ['model']],
        ['models.alias', 'done', []],
      ]);
    });

    it('from the terminal: name, list, take away', async () => {
      const env = daemonEnvironment(daemons[0]!.dataDir, {
        ...{ FILA_URL: daemons[0]!.url, FILA_TOKEN: daemons[0]!.adminToken, FILA_API_KEY: key },
      });
      const fila = async (...words: string[]) =>
        (await run(process.execPath, [CLI, ...words], { env })).stdout;
      expect(await fila('models', 'alias', 'small', MODEL)).toContain(`alias\tsmall\nmodel\t${MODEL}\n`);
      expect(await fila('models', 'aliases')).toContain(`small\t${MODEL}\t`);
      expect(await fila('requests', 'send', 'Hello', '--model', 'small', '--wait')).toBe(
        `${simulatedAnswer(MODEL, 'Hello')}\n`,
      );
      expect(await fila('models', 'unalias', 'small')).toBe('alias/small removed\n');
      expect(await modelAt(0, 'small')).toBe('small:latest');
    });
  });
});
