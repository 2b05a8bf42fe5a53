import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { armFailpoints } from '../../kernel/failpoints.ts';
import {
  createOllamaClient,
  type CallOptions,
  type CallOutcome,
  type OllamaClient,
} from './ollama-client.ts';
import { startRawServer } from './testing/raw-server.ts';
import {
  delta,
  done,
  hold,
  startScriptedOllama,
  type Answer,
  type ScriptedOllama,
} from './testing/scripted-ollama.ts';

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
  armFailpoints('');
  await client.close();
  await ollama.stop();
});

function ask(answer: Answer, options: Partial<CallOptions> = {}): Promise<CallOutcome> {
  ollama.answer = answer;
  return client.run(ASK, { ...PATIENT, ...options });
}

async function askRaw(talk: (socket: Socket) => void): Promise<CallOutcome> {
  const server = await startRawServer(talk);
  const raw = createOllamaClient(`http://127.0.0.1:${server.port}`);
  const outcome = await raw.run(ASK, PATIENT);
  await raw.close();
  server.stop();
  return outcome;
}

describe('an answer', () => {
  it('is told while it comes and given whole at its end', async () => {
    const told: object[] = [];
    const more = Promise.withResolvers<void>();
    const outcome = await ask(
      async (response) => {
        response.write(`${JSON.stringify({ thinking: 'hm', response: '', done: false })}\n${delta('Gr')}`);
        await more.promise;
        const numbers = { prompt_eval_count: 4, eval_count: 2, total_duration: 9e6, eval_duration: 4e6 };
        response.end(delta('üße') + done(numbers));
      },
      {
        onProgress: (part) => {
          told.push(part);
          more.resolve();
        },
      },
    );
    expect(told).toEqual([
      { thinking: 'hm', text: 'Gr' },
      { thinking: '', text: 'üße' },
    ]);
    expect(outcome).toEqual({
      kind: 'answered',
      text: 'Grüße',
      thinking: 'hm',
      finishReason: 'stop',
      promptTokens: 4,
      completionTokens: 2,
      durations: { totalMs: 9, loadMs: 0, promptMs: 0, evalMs: 4, hiddenQueueMs: 5 },
    });
  });

  it('of a chat is read the same way', async () => {
    ollama.answer = (response) =>
      void response.end(
        '{"message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"length"}\n',
      );
    const outcome = await client.run({ model: 'm', messages: [{ role: 'user', content: 'x' }] }, PATIENT);
    expect(outcome).toMatchObject({ kind: 'answered', text: 'hi', finishReason: 'length' });
  });

  it('stays whole wherever the network cuts it', async () => {
    const bytes = Buffer.from(delta('a€😀z') + done());
    for (let at = 1; at < bytes.length; at++) {
      const outcome = await ask((response) => {
        response.write(bytes.subarray(0, at));
        setImmediate(() => response.end(bytes.subarray(at)));
      });
      expect(outcome).toMatchObject({ kind: 'answered', text: 'a€😀z' });
    }
  });

  it('is complete without a newline at its end', async () => {
    expect(await ask((response) => void response.end(delta('a') + done().trim()))).toMatchObject({
      kind: 'answered',
      text: 'a',
    });
  });

  it('keeps its connection for the next call', async () => {
    await client.run(ASK, PATIENT);
    const [socket] = ollama.sockets;
    await client.run(ASK, PATIENT);
    expect([...ollama.sockets]).toEqual([socket]);
  });

  it('that is complete stands, even if its HTTP body never ends', async () => {
    const outcome = await ask((response) => void response.write(delta('all') + done()));
    expect(outcome).toMatchObject({ kind: 'answered', text: 'all' });
  });

  it('that is complete stands, even if the connection then breaks', async () => {
    const outcome = await ask((response) => {
      response.write(delta('all') + done(), () => response.socket!.destroy());
    });
    expect(outcome).toMatchObject({ kind: 'answered', text: 'all' });
  });

  it('may be exactly as large as allowed', async () => {
    const answer: Answer = (response) => void response.end(delta('12345€') + done());
    expect(await ask(answer, { maxAnswerBytes: 8 })).toMatchObject({ kind: 'answered' });
    expect(await ask(answer, { maxAnswerBytes: 7 })).toMatchObject({
      kind: 'failed',
      code: 'upstream_invalid',
      retryable: false,
    });
  });
});

describe('a fault', () => {
  const endWith =
    (text: string): Answer =>
    (response) =>
      void response.end(text);
  it.each([
    ['an error line inside a 200', endWith(`${delta('a')}{"error":"boom"}\n`), 'upstream_failed', 'stream'],
    ['an error line alone in a 200', endWith('{"error":"boom"}\n'), 'upstream_failed', 'first_token'],
    ['an end without done', endWith(delta('a')), 'upstream_incomplete', 'stream'],
    ['one object that is not done', endWith(delta('a').trim()), 'upstream_incomplete', 'stream'],
    ['nothing at all', endWith(''), 'upstream_incomplete', 'first_token'],
    ['a line that is not JSON', endWith(`${delta('a')}{"respo\n${done()}`), 'upstream_invalid', 'stream'],
    ['a page', endWith('<html>\n<body>Welcome</body></html>'), 'upstream_invalid', 'first_token'],
    ['another shape', endWith('{"choices":[]}\n'), 'upstream_invalid', 'first_token'],
  ] as const)('%s is seen', async (_, answer, code, phase) => {
    expect(await ask(answer)).toMatchObject({ kind: 'failed', code, phase, status: 200, retryable: true });
  });

  it('a line without an end does not fill the memory', async () => {
    const outcome = await ask((response) => {
      const write = () => {
        while (!response.destroyed && response.write('x'.repeat(100_000)));
      };
      response.on('drain', write);
      write();
    });
    expect(outcome).toMatchObject({ kind: 'failed', code: 'upstream_invalid' });
  });

  it('an answer with a status is judged by both, and a 503 is no attempt', async () => {
    const reply = (status: number, error: string) =>
      ask((response) => void response.writeHead(status).end(JSON.stringify({ error })));
    expect(await reply(404, 'model "x" not found')).toMatchObject({ code: 'model_not_found', status: 404 });
    expect(await reply(500, 'unknown')).toMatchObject({ code: 'upstream_failed', retryable: true });
    expect(await reply(503, 'server busy')).toMatchObject({ kind: 'busy' });
    expect(ollama.sockets.size).toBe(1);
  });

  it('an endless error body is cut off', async () => {
    const outcome = await ask((response) => void response.writeHead(500).write('x'.repeat(70_000)));
    expect(outcome).toMatchObject({ kind: 'failed', code: 'upstream_failed', status: 500 });
  });

  it('a redirect is not followed', async () => {
    const outcome = await ask((response) => void response.writeHead(302, { location: '/elsewhere' }).end());
    expect(outcome).toMatchObject({ kind: 'failed', code: 'upstream_invalid', status: 302 });
    expect(ollama.requests).toHaveLength(1);
  });

  it('nobody there is known to be one of connecting', async () => {
    await ollama.stop();
    expect(await client.run(ASK, PATIENT)).toEqual({
      kind: 'failed',
      code: 'upstream_unreachable',
      message: 'The upstream refused the connection.',
      retryable: true,
      phase: 'connect',
    });
  });

  it('a connection that is cut is seen, before and within the answer', async () => {
    expect(await askRaw((socket) => socket.once('data', () => socket.resetAndDestroy()))).toMatchObject({
      code: 'upstream_unreachable',
      phase: 'first_token',
    });
    expect(await askRaw((socket) => socket.once('data', () => socket.end()))).toMatchObject({
      code: 'upstream_unreachable',
      phase: 'first_token',
    });
    const begin = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${delta('a').length.toString(16)}\r\n${delta('a')}\r\n`;
    expect(await askRaw((socket) => socket.once('data', () => socket.end(begin)))).toMatchObject({
      code: 'upstream_unreachable',
      phase: 'stream',
    });
  });

  it('something that is not HTTP is seen', async () => {
    expect(
      await askRaw((socket) => socket.once('data', () => socket.write('220 mail.example ESMTP\r\n'))),
    ).toMatchObject({
      code: 'upstream_invalid',
    });
  });
});

describe('a timer', () => {
  it('runs for the connection', async () => {
    const silent = await startRawServer(() => {});
    const tls = createOllamaClient(`https://127.0.0.1:${silent.port}`);
    const outcome = await tls.run(ASK, { ...PATIENT, timers: { ...LONG, connectMs: 40 } });
    expect(outcome).toMatchObject({
      code: 'upstream_timeout',
      phase: 'connect',
      message: expect.stringContaining('40 ms (connect timer)'),
    });
    silent.stop();
  });

  it('runs for the first token', async () => {
    const outcome = await ask(() => {}, { timers: { ...LONG, firstTokenMs: 40 } });
    expect(outcome).toMatchObject({
      code: 'upstream_timeout',
      phase: 'first_token',
      message: expect.stringContaining('40 ms (first_token timer)'),
    });
  });

  it('runs for the gap between tokens, anew with each', async () => {
    let sent = 0;
    const outcome = await ask(
      (response) => {
        const timer = setInterval(() => {
          response.write(delta('a'));
          if (++sent === 8) clearInterval(timer);
        }, 150);
      },
      { timers: { ...LONG, gapMs: 600 } },
    );
    expect(sent).toBe(8);
    expect(outcome).toMatchObject({
      code: 'upstream_timeout',
      phase: 'stream',
      message: expect.stringContaining('600 ms (gap timer)'),
    });
  });

  it('runs for everything, however lively the answer is', async () => {
    const outcome = await ask(
      (response) => {
        const timer = setInterval(() => response.write(delta('a')), 5);
        response.on('close', () => clearInterval(timer));
      },
      { timers: { ...LONG, totalMs: 120 } },
    );
    expect(outcome).toMatchObject({
      code: 'upstream_timeout',
      message: expect.stringContaining('120 ms (total timer)'),
    });
  });

  it('may be longer than Node can count', async () => {
    const year = 365 * 24 * 3_600_000;
    const timers = { connectMs: year, firstTokenMs: year, gapMs: year, totalMs: Infinity };
    expect(await client.run(ASK, { ...PATIENT, timers })).toMatchObject({ kind: 'answered' });
  });
});

describe('a cancelled call', () => {
  it('is not sent when it was cancelled before', async () => {
    expect(await client.run(ASK, { ...PATIENT, signal: AbortSignal.abort() })).toEqual({ kind: 'cancelled' });
    expect(ollama.requests).toHaveLength(0);
  });

  it('ends once its socket is closed, and Ollama sees that', async () => {
    let ours: Socket | undefined;
    const note = (message: unknown) => void (ours = (message as { socket: Socket }).socket);
    subscribe('undici:client:connected', note);
    const { answer, arrived } = hold();
    const cancel = new AbortController();
    const outcome = ask(answer, { signal: cancel.signal });
    await arrived;
    unsubscribe('undici:client:connected', note);
    const [theirs] = ollama.sockets;
    const closed = once(theirs!, 'close');
    cancel.abort();
    expect(await outcome).toEqual({ kind: 'cancelled' });
    expect(ours?.closed).toBe(true);
    await closed;
  });

  it('ends within its answer too, and leaves the client fit for the next', async () => {
    const cancel = new AbortController();
    const outcome = await ask((response) => void response.write(delta('a')), {
      signal: cancel.signal,
      onProgress: () => cancel.abort(),
    });
    expect(outcome).toEqual({ kind: 'cancelled' });
    expect(await ask((response) => void response.end(done()))).toMatchObject({ kind: 'answered' });
  });

  it('does not wait for a connection that never comes', async () => {
    const silent = await startRawServer(() => cancel.abort());
    const cancel = new AbortController();
    const tls = createOllamaClient(`https://127.0.0.1:${silent.port}`);
    expect(await tls.run(ASK, { ...PATIENT, signal: cancel.signal })).toEqual({ kind: 'cancelled' });
    silent.stop();
  });

  it('is what closing the client makes of the calls under way', async () => {
    const { answer, arrived } = hold();
    const outcome = ask(answer);
    await arrived;
    await client.close();
    expect(await outcome).toEqual({ kind: 'cancelled' });
  });
});

describe('a defect of ours', () => {
  const whole: Answer = (response) => void response.end(delta('Hello') + done());
  const part: Answer = (response) => void response.write(delta('Hello'));

  it.each(['upstream.after_dispatch', 'upstream.first_token'])(
    'at %s is no fault of the upstream: the call rejects, its socket closed, and the next works',
    async (place) => {
      armFailpoints(`${place}:error@1`);
      const closed = Promise.withResolvers<void>();
      const answer: Answer = (response) => {
        response.once('close', () => closed.resolve());
        response.write(delta('Hel'));
      };
      await expect(ask(answer)).rejects.toThrow(`${place} fired`);
      if (place === 'upstream.first_token') await closed.promise;
      expect(await ask(whole)).toMatchObject({ text: 'Hello' });
    },
  );

  it('after the answer is complete leaves it as it is', async () => {
    armFailpoints('upstream.after_answer:error');
    expect(await ask(whole)).toMatchObject({
      kind: 'answered',
      text: 'Hello',
    });
  });

  it('in whoever listens to the progress breaks this call only', async () => {
    const onProgress = (): never => {
      throw new Error('a listener');
    };
    await expect(ask(part, { onProgress })).rejects.toThrow('a listener');
  });
});
