import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { differences } from './documented-shapes.ts';
import type { FaultName } from './faults.ts';
import { FAULTS } from './faults.ts';
import type { SimulatedOllama } from './simulate-ollama.ts';
import { simulatedAnswer } from './simulate-ollama.ts';
import type { Json } from './test-calls.ts';
import { asked, errorOf, linesOf, post, postJson, startForTest, until } from './test-calls.ts';

const WHOLE = simulatedAnswer('llama3:8b', 'Why?', 10);
const HALF = simulatedAnswer('llama3:8b', 'Why?', 5);
const textOf = (lines: Json[]) => lines.map((line) => line.response ?? '').join('');

async function startWith(fault: FaultName): Promise<SimulatedOllama> {
  const ollama = await startForTest({ answerTokens: 10 });
  ollama.control({ faults: { next: [{ fault, times: 2 }] } });
  return ollama;
}

const stream = (ollama: SimulatedOllama, signal?: AbortSignal) =>
  post(ollama, '/api/generate', asked('Why?'), signal);
const unstreamed = (ollama: SimulatedOllama, signal?: AbortSignal) =>
  post(ollama, '/api/generate', asked('Why?', { stream: false }), signal);
const lastCall = (ollama: SimulatedOllama) => ollama.state().calls.at(-1);

describe('faults that are a status', () => {
  it.each<[FaultName, number, RegExp, string]>([
    [
      'error_500',
      500,
      /^model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details$/,
      'failed',
    ],
    ['error_500_running', 500, /^an error was encountered while running the model: /, 'failed'],
    ['error_500_load', 500, /^timed out waiting for llama-server to start/, 'failed'],
    ['error_503', 503, /^server busy, please try again\. {2}maximum pending requests exceeded$/, 'refused'],
    ['error_404', 404, /^model 'llama3:8b' not found$/, 'refused'],
    [
      'error_400_context',
      400,
      /^the prompt is longer than the context length currently available to the model;/,
      'failed',
    ],
  ])('%s', async (fault, status, text, outcome) => {
    const ollama = await startWith(fault);
    for (const response of [await stream(ollama), await unstreamed(ollama)]) {
      expect(response.headers.get('content-type')).toMatch(/^application\/json/);
      const body = (await response.json()) as Json;
      expect(response.status).toBe(status);
      expect(differences('error', body)).toEqual([]);
      expect(body.error).toMatch(text);
      expect(lastCall(ollama)).toMatchObject({ fault, status, outcome });
    }
    expect(textOf(await linesOf(await stream(ollama)))).toBe(WHOLE);
  });
});

describe('faults of a stream', () => {
  it('mid_stream_error ends half an answer with an error line', async () => {
    const ollama = await startWith('mid_stream_error');
    const response = await stream(ollama);
    const lines = await linesOf(response);
    expect([response.status, textOf(lines)]).toEqual([200, HALF]);
    expect(differences('error', lines.at(-1))).toEqual([]);
    expect((await errorOf(await unstreamed(ollama)))[0]).toBe(500);
  });

  it('no_done ends half an answer without a word', async () => {
    const ollama = await startWith('no_done');
    const lines = await linesOf(await stream(ollama));
    expect([textOf(lines), lines.at(-1)!.done]).toEqual([HALF, false]);
    expect(await (await unstreamed(ollama)).json()).toMatchObject({ response: HALF, done: false });
    expect(lastCall(ollama)).toMatchObject({ outcome: 'failed', status: 200 });
  });

  it('done_false gives the whole answer but is never done', async () => {
    const ollama = await startWith('done_false');
    const lines = await linesOf(await stream(ollama));
    expect([textOf(lines), lines.at(-1)!.done]).toEqual([WHOLE, false]);
    const whole = (await (await unstreamed(ollama)).json()) as Json;
    expect(whole).toMatchObject({ response: WHOLE, done: false });
    expect(differences('generatePiece', whole)).toEqual([]);
  });

  it('garbage_line puts a line that is no JSON between good ones', async () => {
    const ollama = await startWith('garbage_line');
    const lines = (await (await stream(ollama)).text()).trimEnd().split('\n');
    const isBad = (line: string) => {
      try {
        JSON.parse(line);
        return false;
      } catch {
        return true;
      }
    };
    expect(lines.map(isBad)).toEqual(lines.map((_, index) => index === 5));
    expect(lines).toHaveLength(12);
    await expect((await unstreamed(ollama)).json()).rejects.toThrow(SyntaxError);
  });

  it('invalid_utf8 puts a line with foreign bytes between good ones', async () => {
    const ollama = await startWith('invalid_utf8');
    const bytes = Buffer.from(await (await stream(ollama)).arrayBuffer());
    expect(bytes.indexOf(Buffer.from([0xff, 0xfe]))).toBeGreaterThan(0);
    expect(lastCall(ollama)).toMatchObject({ outcome: 'failed', status: 200 });
  });

  it('duplicate_done says its last line twice, and something between', async () => {
    const ollama = await startWith('duplicate_done');
    const lines = await linesOf(await stream(ollama));
    expect(lines.map((line) => line.done).slice(-3)).toEqual([true, false, true]);
    expect(textOf(lines)).toBe(`${WHOLE}Once more`);
  });

  it('negative_counters and wrong_type give the whole answer, oddly', async () => {
    const counted = await linesOf(await stream(await startWith('negative_counters')));
    expect(textOf(counted)).toBe(WHOLE);
    expect(counted.at(-1)!.eval_count).toBeLessThan(0);
    const typed = await stream(await startWith('wrong_type'));
    expect(typed.headers.get('content-type')).toMatch(/^text\/html/);
    expect(textOf(await linesOf(typed))).toBe(WHOLE);
  });

  it('binary, long_line, error_200 and error_429 answer something else', async () => {
    const bytes = Buffer.from(await (await stream(await startWith('binary'))).arrayBuffer());
    expect([bytes.length, bytes.includes(0x0a)]).toEqual([4096, false]);
    const long = await (await stream(await startWith('long_line'))).text();
    expect([long.length > 10 * 1024 * 1024, long.includes('\n')]).toEqual([true, false]);
    expect(await (await stream(await startWith('error_200'))).text()).toMatch(/^\{"error":"[^"]+"\}\n$/);
    const busy = await stream(await startWith('error_429'));
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '1']);
  });

  it('html answers 200 with a page', async () => {
    const ollama = await startWith('html');
    for (const response of [await stream(ollama), await unstreamed(ollama)]) {
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        'text/html; charset=utf-8',
      ]);
      expect(await response.text()).toMatch(/^<!doctype html>/);
    }
  });

  it('reset destroys the socket after half of the answer', async () => {
    const ollama = await startWith('reset');
    const received = await rawCall(ollama, asked('Why?'));
    expect(received.isComplete).toBe(false);
    expect(received.chunks.join('').trimEnd().split('\n')).toHaveLength(5);
    expect((await rawCall(ollama, asked('Why?', { stream: false }))).isComplete).toBe(false);
    expect(ollama.state().calls.map((call) => call.outcome)).toEqual(['failed', 'failed']);
    expect(ollama.state().models['llama3:8b']).toMatchObject({ running: 0 });
  });

  it('split_utf8 tears characters and lines apart, and loses nothing', async () => {
    const ollama = await startWith('split_utf8');
    const { chunks, isComplete } = await rawCall(ollama, asked('ação 🚀 日本'));
    expect(isComplete).toBe(true);
    const torn = chunks.filter((chunk) => !Buffer.from(chunk.toString()).equals(chunk));
    expect(torn.length).toBeGreaterThan(3);
    const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
    expect(textOf(lines.map((line) => JSON.parse(line) as Json))).toBe(
      simulatedAnswer('llama3:8b', 'ação 🚀 日本', 10),
    );
    expect(((await (await unstreamed(ollama)).json()) as Json).response).toBe(WHOLE);
  });

  it('empty_content_with_thinking thinks and says nothing', async () => {
    const ollama = await startWith('empty_content_with_thinking');
    const lines = await linesOf(await stream(ollama));
    expect(textOf(lines)).toBe('');
    expect(lines[0]!.thinking).toMatch(/^Pensando/);
    expect(lines.at(-1)).toMatchObject({ done: true, done_reason: 'stop' });
    expect(await (await unstreamed(ollama)).json()).toMatchObject({ response: '', done: true });
  });

  it('too_large answers more than anyone wants', async () => {
    const ollama = await startWith('too_large');
    ollama.control({ tooLargeBytes: 5 * 1024 * 1024 + 1 });
    const lines = await linesOf(await stream(ollama));
    expect(lines).toHaveLength(7);
    expect(textOf(lines)).toHaveLength(5 * 1024 * 1024 + 1);
    expect(((await (await unstreamed(ollama)).json()) as Json).response).toHaveLength(5 * 1024 * 1024 + 1);
  });

  it('slow_tokens takes its time for each', async () => {
    const ollama = await startWith('slow_tokens');
    ollama.control({ slowTokenMs: 4 });
    const startedMs = performance.now();
    expect(textOf(await linesOf(await stream(ollama)))).toBe(WHOLE);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(39);
    expect(lastCall(ollama)).toMatchObject({ fault: 'slow_tokens', outcome: 'completed' });
  });
});

describe('faults that hang', () => {
  it('hang_headers sends nothing, keeps the slot, and `/` stays healthy until the caller leaves', async () => {
    const ollama = await startWith('hang_headers');
    const leaving = new AbortController();
    let isAnswered = false;
    const call = stream(ollama, leaving.signal).then(() => (isAnswered = true));
    await until(ollama, (state) => state.models['llama3:8b']?.running === 1);
    const behind = postJson(ollama, '/api/generate', asked('[[fault:slow_tokens]]', { stream: false }));
    expect(await (await fetch(ollama.url)).text()).toBe('Ollama is running');
    const state = await until(ollama, ({ models }) => models['llama3:8b']!.waiting === 1);
    expect([isAnswered, state.models['llama3:8b']!.running]).toEqual([false, 1]);
    ollama.control({ slowTokenMs: 1 });
    leaving.abort();
    await expect(call).rejects.toThrow();
    expect((await behind).done).toBe(true);
    expect(ollama.state().counters).toMatchObject({ cancelled: 1, completed: 1 });
  });

  it('hang_mid_stream sends half and then nothing', async () => {
    const ollama = await startWith('hang_mid_stream');
    const leaving = new AbortController();
    const response = await stream(ollama, leaving.signal);
    const { value } = await response.body!.getReader().read();
    expect(
      textOf(
        Buffer.from(value!)
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Json),
      ),
    ).toBe(HALF);
    expect(ollama.state().models['llama3:8b']!.running).toBe(1);
    leaving.abort();
    await until(ollama, (state) => state.models['llama3:8b']!.running === 0);
    expect(lastCall(ollama)).toMatchObject({ outcome: 'cancelled', status: 200 });

    const leavingAgain = new AbortController();
    const whole = unstreamed(ollama, leavingAgain.signal);
    await until(ollama, (state) => state.models['llama3:8b']!.running === 1);
    leavingAgain.abort();
    await expect(whole).rejects.toThrow();
  });
});

it('every fault can be asked for in the prompt and is recorded', async () => {
  const ollama = await startForTest({ answerTokens: 10 });
  ollama.control({ slowTokenMs: 1, tooLargeBytes: 100 });
  for (const fault of Object.keys(FAULTS) as FaultName[]) {
    const leaving = new AbortController();
    const call = post(ollama, '/api/generate', asked(`x [[fault:${fault}]]`), leaving.signal).then(
      (response) => response.text(),
    );
    const isHanging = fault.startsWith('hang');
    if (isHanging) {
      await until(ollama, ({ models }) => models['llama3:8b']!.running === 1);
      leaving.abort();
    }
    await call.catch(() => undefined);
    await until(ollama, ({ counters }) => counters.running === 0);
    expect(lastCall(ollama)!.fault).toBe(fault);
  }
});

interface Received {
  chunks: Buffer[];
  isComplete: boolean;
}

/** What arrives, chunk by chunk, also when it breaks off. */
function rawCall(ollama: SimulatedOllama, body: Json): Promise<Received> {
  return new Promise((resolve) => {
    const call = http.request(`${ollama.url}/api/generate`, { method: 'POST' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => undefined);
      response.on('close', () => resolve({ chunks, isComplete: response.complete }));
    });
    call.on('error', () => resolve({ chunks: [], isComplete: false }));
    call.end(JSON.stringify(body));
  });
}
