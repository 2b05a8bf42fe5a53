/** An answer that is heard while it is given: cut anywhere and gone on with, on this broker or another, each token once. */
import { Fila, type Request, type StreamEvent } from '@fila/sdk';
import type { InternalOptions } from '../../packages/sdk/src/fila.ts';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { cuttingProxy } from '../helpers/cutting-proxy.ts';
import { startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const TOKENS = 200;
const LF = 10;

interface Heard {
  text: string;
  tokens: number;
  last: Request | null;
}

async function hear(events: AsyncIterable<StreamEvent>, from = ''): Promise<Heard> {
  const heard: Heard = { text: from, tokens: 0, last: null };
  for await (const event of events) {
    if (event.type === 'restart') heard.text = '';
    if (event.type === 'done') heard.last = event.request;
    if (event.type !== 'token') continue;
    heard.text += event.text ?? '';
    heard.tokens += 1;
  }
  return heard;
}

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment, name }) => {
  describe.skipIf(!isAvailable)('a stream', () => {
    let ollama: SimulatedOllama;
    let daemon: Daemon;
    let shared: Record<string, string>;
    let apiKey: string;
    let fila: Fila;
    const client = (url: string, more: Partial<InternalOptions> = {}): Fila =>
      new Fila({ url, apiKey, random: () => 0, ...more } as InternalOptions);

    beforeAll(async () => {
      shared = await environment();
      ollama = await startSimulatedOllama({ slots: 4, answerTokens: TOKENS, tokensPerSecond: 400 });
      daemon = await startDaemon({
        ...shared,
        FILA_OLLAMA_URLS: `${ollama.url}#slots=4`,
        FILA_RETRY_BASE_MS: '50',
      });
      const admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
      apiKey = (await admin.keys.create({ name: 'stream' })).key;
      fila = client(daemon.url);
    });
    afterAll(async () => {
      await daemon.stop();
      await ollama.stop();
    });

    it('gives the answer in parts, and then the request that it is the answer of', async () => {
      const { text, tokens, last } = await hear(fila.stream({ prompt: 'in parts' }));
      expect(tokens).toBeGreaterThan(5);
      expect(last).toMatchObject({ status: 'completed', result: { text } });
      expect(await fila.generate('in parts')).toBe(text);
    });

    it('that goes on after any of its events gives what was not heard, live and afterwards', async () => {
      const { id } = await fila.requests.create({ prompt: 'every event' });
      const listeners: Promise<Heard>[] = [];
      const places: { id: string; text: string }[] = [];
      let text = '';
      for await (const event of fila.requests.stream(id)) {
        if (event.type !== 'token') continue;
        text += event.text ?? '';
        places.push({ id: event.id, text });
        listeners.push(hear(fila.requests.stream(id, { lastEventId: event.id }), text));
      }
      const { result } = await fila.requests.get(id);
      expect(text).toBe(result!.text);
      expect(places.length).toBeGreaterThan(5);
      for (const heard of await Promise.all(listeners)) expect(heard.text).toBe(text);
      for (const place of places) {
        const heard = await hear(fila.requests.stream(id, { lastEventId: place.id }), place.text);
        expect(heard.text).toBe(text);
      }
    });

    it('that is cut while it comes is gone on with by the client, without a token lost or twice', async () => {
      const proxy = await cuttingProxy(daemon.url, (n) => 600 + n * 41);
      const { id } = await fila.requests.create({ prompt: 'cut anywhere' });
      const heard = await hear(client(proxy.url).requests.stream(id, { maxRetries: 1000 }));
      expect(proxy.count()).toBeGreaterThan(10);
      expect(heard.text).toBe((await fila.requests.get(id)).result!.text);
    });

    // What bytes come is the same on all engines.
    if (name.startsWith('SQLite'))
      it('of 200 tokens that is cut at each of its bytes in turn is gone on with, each token once', async () => {
        const { id } = await fila.requests.create({ prompt: 'every byte' });
        const headers = { authorization: `Bearer ${apiKey}` };
        const answer = await fetch(`${daemon.url}/api/v1/requests/${id}/stream`, { headers });
        const whole = await answer.bytes();
        const { result, usage } = await fila.requests.get(id);
        expect(usage!.completion_tokens).toBe(TOKENS);
        /** What the broker gives after each place that a client comes back with. */
        const rests = new Map<string, string>();
        const wrong: number[] = [];
        let parts: Uint8Array<ArrayBuffer>[] = [];
        let place: string | null = null;
        const listener = client(daemon.url, {
          sleep: async () => undefined,
          fetch: async (_url, init) => {
            const part = parts.shift();
            if (part) return new Response(part, { headers: { 'content-type': 'text/event-stream' } });
            place = new Headers(init.headers).get('last-event-id') ?? '';
            return new Response('{}', { status: 404 });
          },
        });
        // Each cut is in a connection that went on a few events before it: to hear all of them anew would only take longer.
        const before = [{ end: 0, lastEventId: '', text: '' }];
        for (let cut = 0; cut < whole.length; cut++) {
          const { end, lastEventId, text: known } = before.at(-3) ?? before[0]!;
          let text = known;
          [place, parts] = [null, [whole.subarray(end, cut)]];
          const heard = (async () => {
            for await (const event of listener.requests.stream(id, { lastEventId }))
              if (event.type === 'token') text += event.text ?? '';
          })();
          await heard.catch(() => undefined);
          // Only the last byte makes it whole.
          if (place === null) wrong.push(cut);
          if (place === null) continue;
          if (!rests.has(place))
            rests.set(place, (await hear(fila.requests.stream(id, { lastEventId: place }))).text);
          if (text + rests.get(place)! !== result!.text) wrong.push(cut);
          const isEventEnd = whole[cut - 1] === LF && whole[cut - 2] === LF;
          if (isEventEnd) before.push({ end: cut, lastEventId: place, text });
        }
        expect(wrong).toEqual([]);
        expect(rests.size).toBeGreaterThan(50);
      });

    it('says when an attempt failed after it had begun, and begins anew', async () => {
      ollama.control({ faults: { next: [{ fault: 'mid_stream_error' }] } });
      const kinds: string[] = [];
      let text = '';
      for await (const event of fila.stream({ prompt: 'twice' })) {
        kinds.push(event.type);
        if (event.type === 'restart') text = '';
        if (event.type === 'token') text += event.text ?? '';
        if (event.type === 'done') expect(event.request).toMatchObject({ attempts: 2, result: { text } });
      }
      expect(kinds.filter((kind) => kind === 'restart')).toHaveLength(1);
    });

    it('of nothing, of another key and after a strange event is refused', async () => {
      const other = await new Fila({ url: daemon.url, adminToken: daemon.adminToken }).keys.create({
        name: 'x',
      });
      const { id } = await fila.requests.create({ prompt: 'mine' });
      const theirs = client(daemon.url, { apiKey: other.key });
      await expect(hear(theirs.requests.stream(id))).rejects.toMatchObject({ code: 'not_found' });
      await expect(hear(fila.requests.stream('req_none'))).rejects.toMatchObject({ code: 'not_found' });
      const strange = hear(fila.requests.stream(id, { lastEventId: 'strange' }));
      await expect(strange).rejects.toMatchObject({ code: 'bad_request' });
    });

    it('cancels what its listener asked to have cancelled when he leaves, and nothing else', async () => {
      const [kept, dropped] = [
        await fila.requests.create({ prompt: 'kept' }),
        await fila.requests.create({ prompt: 'dropped' }),
      ];
      for await (const event of fila.requests.stream(kept.id)) if (event.type === 'token') break;
      const options = { cancelOnDisconnect: true };
      for await (const event of fila.requests.stream(dropped.id, options)) if (event.type === 'token') break;
      expect((await fila.requests.wait(dropped.id)).status).toBe('cancelled');
      expect((await fila.requests.wait(kept.id)).status).toBe('completed');
    });

    // One broker alone has nobody to hear of.
    if (!name.startsWith('SQLite'))
      it('is heard at a broker where the request does not run', async () => {
        const other = await startDaemon({ ...shared, FILA_OLLAMA_URLS: 'http://127.0.0.1:9' });
        onTestFinished(async () => void (await other.stop()));
        const heard = await hear(client(other.url).stream({ prompt: 'far away' }));
        expect(heard.tokens).toBeGreaterThan(5);
        expect(heard.last).toMatchObject({ status: 'completed', result: { text: heard.text } });
      });

    it('ends when the daemon stops, and is gone on with when it is back', async () => {
      const { id } = await fila.requests.create({ prompt: 'through a restart' });
      // Its port is another one afterwards.
      const moving = client('http://fila.test', {
        fetch: (url, init) => fetch(url.replace('http://fila.test', daemon.url), init),
      });
      let text = '';
      let isRestarted = false;
      for await (const event of moving.requests.stream(id, { maxRetries: 100 })) {
        if (event.type === 'restart') text = '';
        if (event.type === 'token') text += event.text ?? '';
        if (event.type !== 'token' || isRestarted) continue;
        isRestarted = true;
        await daemon.stop();
        daemon = await startDaemon({ ...shared, FILA_OLLAMA_URLS: `${ollama.url}#slots=4` }, daemon.dataDir);
        fila = client(daemon.url);
      }
      expect(text).toBe((await fila.requests.get(id)).result!.text);
    });
  });
});
