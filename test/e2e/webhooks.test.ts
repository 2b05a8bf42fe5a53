/** Webhooks through the whole broker: every way a request can end is told, signed, to its callback URL and to the key's endpoints. */
import { execFile } from 'node:child_process';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { Fila, type Webhooks } from '@fila/sdk';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('webhooks', () => {
    const received: Received[] = [];
    let receiver: Server;
    let ollama: SimulatedOllama;
    let daemon: Daemon;
    let settings: Record<string, string>;
    let key: { key: string; webhook_secret: string };
    let fila: Fila;
    let here: string;
    let answers = 200;
    /** Before a call to this path is answered. */
    const held = new Map<string, Promise<void>>();

    beforeAll(async () => {
      receiver = createServer((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', async () => {
          received.push({ path: request.url!, headers: request.headers, body });
          await held.get(request.url!);
          response.writeHead(answers).end();
        });
      }).listen(0, '127.0.0.1');
      await once(receiver, 'listening');
      here = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
      ollama = await startSimulatedOllama({ slots: 4 });
      settings = {
        ...(await environment()),
        FILA_OLLAMA_URLS: `${ollama.url}#slots=4`,
        FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
        FILA_MAX_ATTEMPTS: '1',
      };
      daemon = await startDaemon(settings);
      key = await new Fila({ url: daemon.url, adminToken: daemon.adminToken }).keys.create({ name: 'shop' });
      fila = new Fila({ url: daemon.url, apiKey: key.key, fetch: checkedFetch });
    });
    afterAll(async () => {
      expect(await daemon.stop()).toBe(0);
      await ollama.stop();
      receiver.close();
    });

    const at = (path: string): Received[] => received.filter((one) => one.path === path);
    /** By a verifier that is not ours. */
    const verified = (one: Received, secret: string) =>
      new Webhook(secret).verify(one.body, one.headers as Record<string, string>) as {
        type: string;
        data: { id: string; status: string };
      };

    it('tells a callback URL of each way a request can end, with nothing of its content', async () => {
      const callback_url = `${here}/ends`;
      const done = await fila.requests.createAndWait({ prompt: 'secretword', callback_url });
      const failed = await fila.requests.createAndWait({ prompt: 'x', model: 'missing:1b', callback_url });
      const late = await fila.requests.createAndWait({
        prompt: '[[fault:hang_headers]]',
        deadline: new Date(Date.now() + 700).toISOString(),
        callback_url,
      });
      const { id } = await fila.requests.create({
        prompt: 'x',
        run_at: new Date(Date.now() + 60_000).toISOString(),
        callback_url,
      });
      await fila.requests.cancel(id);
      await expect.poll(() => at('/ends').length, { timeout: 10_000 }).toBe(4);
      const events = at('/ends').map((one) => verified(one, key.webhook_secret));
      expect(new Map(events.map((one) => [one.data.id, one.type]))).toEqual(
        new Map([
          [done.id, 'request.completed'],
          [failed.id, 'request.failed'],
          [late.id, 'request.expired'],
          [id, 'request.cancelled'],
        ]),
      );
      expect(
        at('/ends')
          .map((one) => one.body)
          .join(),
      ).not.toContain('secretword');
      const [one] = at('/ends');
      const unwrapped = await fila.webhooks.unwrap(
        one!.body,
        one!.headers as Parameters<Webhooks['unwrap']>[1],
        [key.webhook_secret],
      );
      expect(unwrapped.type).toBe(events[0]!.type);
    });

    it('tells registered endpoints what they want to hear, and keeps a log', async () => {
      const endpoint = await fila.webhooks.create({ url: `${here}/endpoint`, events: ['request.completed'] });
      const { id } = await fila.requests.createAndWait({ prompt: 'for the endpoint' });
      await fila.requests.createAndWait({ prompt: 'x', model: 'missing:1b' });
      await fila.webhooks.test(endpoint.id);
      await expect.poll(() => at('/endpoint').length, { timeout: 10_000 }).toBe(2);
      const events = at('/endpoint').map((one) => verified(one, endpoint.secret));
      expect(events.map((one) => one.type).sort()).toEqual(['request.completed', 'webhook.test']);
      expect(events.find((one) => one.type === 'request.completed')!.data.id).toBe(id);
      const log = await fila.webhooks.deliveries.list({ endpoint_id: endpoint.id }).page();
      expect(log.items.length).toBe(2);
    });

    it('keeps the same log of callbacks, shows each attempt, and delivers one again', async () => {
      const callback_url = `${here}/log`;
      const { id: request_id } = await fila.requests.createAndWait({ prompt: 'x', callback_url });
      const page = () => fila.webhooks.deliveries.list({ request_id, endpoint_id: 'callback' }).page();
      await expect.poll(async () => (await page()).items[0]?.status, { timeout: 10_000 }).toBe('delivered');
      const [delivery] = (await page()).items;
      const { history } = await fila.webhooks.deliveries.get(delivery!.id);
      expect(history).toMatchObject([{ attempt: 1, response_status: 200, error: null }]);
      const again = await fila.webhooks.deliveries.redeliver(delivery!.id);
      await expect.poll(() => at('/log').length, { timeout: 10_000 }).toBe(2);
      const ids = at('/log').map((one) => one.headers['webhook-id']);
      expect(ids).toEqual([delivery!.message_id, delivery!.message_id]);

      const environment = { FILA_URL: daemon.url, FILA_API_KEY: key.key };
      const which = ['--request', request_id, '--endpoint', 'callback'];
      const listed = await cli(environment, 'deliveries', ...which, '-o', 'name');
      expect(listed.split('\n').sort()).toEqual(['', delivery!.id, again.id].sort());
      expect(await cli(environment, 'show', delivery!.id)).toContain('to\tcallback\n');
      await cli(environment, 'redeliver', delivery!.id);
      await expect.poll(() => at('/log').length, { timeout: 10_000 }).toBe(3);
    });

    it('lets a call end when it is stopped, and makes one that hangs again at its next start', async () => {
      const [slow, hanging] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      held.set('/slow', slow.promise).set('/hanging', hanging.promise);
      for (const path of ['/slow', '/hanging'])
        await fila.requests.createAndWait({ prompt: 'x', callback_url: `${here}${path}` });
      await expect.poll(() => at('/slow').length + at('/hanging').length, { timeout: 10_000 }).toBe(2);
      const stopped = daemon.stop();
      setTimeout(() => slow.resolve(), 500);
      expect(await stopped).toBe(0);
      hanging.resolve();
      const startedAt = Date.now();
      daemon = await startDaemon(settings, daemon.dataDir);
      fila = new Fila({ url: daemon.url, apiKey: key.key, fetch: checkedFetch });
      await expect.poll(() => at('/hanging').length, { timeout: 20_000 }).toBe(2);
      // Its lease would have been over after a minute.
      expect(Date.now() - startedAt).toBeLessThan(20_000);
      expect(new Set(at('/hanging').map((one) => one.headers['webhook-id'])).size).toBe(1);
      await expect
        .poll(async () => (await fila.webhooks.deliveries.list({ status: 'pending' }).page()).items)
        .toEqual([]);
      expect(at('/slow')).toHaveLength(1);
    });

    it('refuses a callback into a private network', async () => {
      for (const callback_url of [
        'http://169.254.169.254/latest',
        'http://[::1]/',
        'http://10.0.0.1/',
        'ftp://example.com/x',
        'http://user:pass@example.com/',
      ])
        await expect(fila.requests.create({ prompt: 'x', callback_url }), callback_url).rejects.toMatchObject(
          { status: 422 },
        );
    });

    it('tells what ended before a kill -9, after it', async () => {
      answers = 503;
      const { id } = await fila.requests.createAndWait({
        prompt: 'killed before it was told',
        callback_url: `${here}/killed`,
      });
      await expect.poll(() => at('/killed').length, { timeout: 10_000 }).toBeGreaterThan(0);
      await daemon.kill();
      answers = 200;
      daemon = await startDaemon(settings, daemon.dataDir);
      fila = new Fila({ url: daemon.url, apiKey: key.key, fetch: checkedFetch });
      await expect.poll(() => at('/killed').length, { timeout: 90_000, interval: 200 }).toBeGreaterThan(1);
      const ids = new Set(at('/killed').map((one) => one.headers['webhook-id']));
      expect(ids.size).toBe(1);
      expect(verified(at('/killed').at(-1)!, key.webhook_secret).data.id).toBe(id);
    });
  });
});

/** What `fila webhooks …` prints. */
async function cli(environment: Record<string, string>, ...words: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], ...environment };
  return (await promisify(execFile)(process.execPath, [CLI, 'webhooks', ...words], { env })).stdout;
}
