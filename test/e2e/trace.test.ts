/** The trace of requests through the whole broker: what failed, what came of it, who was told, and who did something to it. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { Fila } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const run = promisify(execFile);
const SOON = { timeout: 10_000, interval: 50 };

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('the trace of a request', () => {
    let ollama: SimulatedOllama;
    let receiver: Server;
    let daemon: Daemon;
    let admin: Fila;
    let fila: Fila;
    let callback_url: string;

    beforeAll(async () => {
      receiver = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
      await once(receiver, 'listening');
      callback_url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
      ollama = await startSimulatedOllama({ slots: 4 });
      daemon = await startDaemon({
        ...(await environment()),
        ...{ FILA_OLLAMA_URLS: `${ollama.url}#slots=4`, FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' },
        ...{ FILA_MAX_ATTEMPTS: '2', FILA_RETRY_BASE_MS: '1' },
      });
      admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken, fetch: checkedFetch });
      const { key } = await admin.keys.create({ name: 'shop' });
      fila = new Fila({ url: daemon.url, apiKey: key, fetch: checkedFetch });
    });
    afterAll(async () => {
      expect(await daemon.stop()).toBe(0);
      await ollama.stop();
      receiver.close();
    });

    it('tells of attempts, outcome, webhooks and the retry by an operator, and nothing of the content', async () => {
      const prompt = '[[fault:error_500]] secretword';
      const { id } = await fila.requests.createAndWait({ prompt, callback_url });
      const again = await admin.deadLetters.retry(id, { reason: 'once more' });
      const upstream = new URL(ollama.url).host;
      await vi.waitFor(async () => {
        const { steps, ...rest } = await admin.requests.trace(id);
        expect(rest).toMatchObject({ id, status: 'failed', queue: 'default', complete: true });
        const of = (kind: string) => steps.filter(({ step }) => step === kind);
        expect(steps[0]).toMatchObject({ step: 'accepted' });
        expect(of('attempt_failed')).toMatchObject([
          { detail: 'claim 1', upstream, code: 'upstream_failed' },
          { detail: 'claim 2', upstream, code: 'upstream_failed' },
        ]);
        expect(of('failed')).toMatchObject([{ code: 'upstream_failed', upstream }]);
        expect(of('webhook')).toMatchObject([{ detail: 'request.failed to its callback' }]);
        expect(of('webhook_attempt')).toMatchObject([{ detail: 'attempt 1, answered 200', code: null }]);
        expect(of('retried')).toMatchObject([{ ref: again.id }]);
        expect(of('act')).toMatchObject([{ detail: 'dead_letters.retry, done', actor: 'admin_token' }]);
        expect(JSON.stringify(steps)).not.toContain('secretword');
      }, SOON);
      expect((await admin.requests.trace(again.id)).steps[0]).toMatchObject({ step: 'accepted', ref: id });
    });

    it('from the terminal is one table', async () => {
      const { id } = await fila.requests.createAndWait({ prompt: 'Hello' });
      const env = daemonEnvironment(daemon.dataDir, { FILA_URL: daemon.url, FILA_TOKEN: daemon.adminToken });
      const { stdout } = await run(process.execPath, [CLI, 'requests', 'trace', id], { env });
      expect(stdout.split('\n').map((line) => line.split('\t')[1])).toEqual([
        ...['accepted', 'claimed', 'completed', undefined],
      ]);
      await expect(admin.requests.trace('req_nobody')).rejects.toMatchObject({ name: 'NotFound' });
    });
  });
});
