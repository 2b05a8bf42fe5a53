import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, readAnswerLine, readEmbeddings } from './ollama-stream.ts';

function split(
  chunks: readonly Buffer[],
  maxLineBytes = 1_000,
): { lines: (string | null)[]; isFine: boolean } {
  const splitter = new LineSplitter(maxLineBytes);
  const lines: (string | null)[] = [];
  const isFine = chunks.every((chunk) => splitter.push(chunk, (line) => lines.push(line) > 0));
  const rest = splitter.rest();
  if (rest !== '') lines.push(rest);
  return { lines, isFine };
}

describe('the line splitter', () => {
  const text = '{"a":"é"}\n{"b":"€ 😀"}\n\r\n{"c":"終わり"}';
  const whole = ['{"a":"é"}', '{"b":"€ 😀"}', '{"c":"終わり"}'];

  it('gives the same lines wherever the bytes are cut, within a character too', () => {
    const bytes = Buffer.from(text);
    for (let at = 0; at <= bytes.length; at++)
      expect(split([bytes.subarray(0, at), bytes.subarray(at)]).lines).toEqual(whole);
    expect(split([...bytes].map((byte) => Buffer.from([byte]))).lines).toEqual(whole);
  });

  it('gives the same lines for any cuts of any text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 8 }),
        fc.array(fc.nat(200), { maxLength: 8 }),
        (values, cuts) => {
          const lines = values.map((value) => JSON.stringify(value));
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const edges = [
            0,
            ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
            bytes.length,
          ];
          const chunks = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
          expect(split(chunks, 1e6).lines).toEqual(lines);
        },
      ),
    );
  });

  it.each([
    ['in one chunk', [`${'x'.repeat(11)}\n`]],
    ['without an end', ['xxxxxx', 'xxxxxx']],
    ['in two chunks', ['xxxxxx', 'xxxxxx\n']],
  ])('stops at a line that is too long %s', (_, chunks) => {
    const buffers = chunks.map((chunk) => Buffer.from(chunk));
    expect(split(buffers, 10).isFine).toBe(false);
    expect(split(buffers, 12).isFine).toBe(true);
  });

  it('gives null for a line that is not UTF-8, whether a newline ends it or nothing does', () => {
    const bad = Buffer.from([0x22, 0xff, 0x22]);
    const newline = Buffer.from('\n');
    expect(split([bad, newline, Buffer.from('1\n')]).lines).toEqual([null, '1']);
    expect(split([Buffer.from('1\n'), bad]).lines).toEqual(['1', null]);
    expect(readAnswerLine(null)).toEqual({ kind: 'invalid' });
  });

  it('gives the lines around one that is not UTF-8, when all came together', () => {
    const bytes = Buffer.concat([Buffer.from('1\n"é"\n'), Buffer.from([0xff, 0x0a]), Buffer.from('\n2\n')]);
    expect(split([bytes]).lines).toEqual(['1', '"é"', null, '2']);
  });

  it('gives the lines before one that is too long, when all came together', () => {
    const { lines, isFine } = split([Buffer.from(`1\n2\n${'x'.repeat(11)}\n3\n`)], 10);
    expect([lines, isFine]).toEqual([['1', '2'], false]);
    expect(split([Buffer.from('1234567\n1234567\n')], 10)).toEqual({
      lines: ['1234567', '1234567'],
      isFine: true,
    });
  });

  it('stops when its listener has had enough', () => {
    const lines: (string | null)[] = [];
    const isFine = new LineSplitter(100).push(Buffer.from('1\n2\n3\n'), (line) => lines.push(line) < 2);
    expect([lines, isFine]).toEqual([['1', '2'], false]);
  });
});

describe('a line of an answer', () => {
  const over = '"done":true,"done_reason":"stop"';
  it.each([
    ['at its end', `{"response":"a",${over},"eval_count":2,"context":[1,2,3]}`],
    ['between others', `{"response":"a",${over},"context":[1,2,3],"eval_count":2}`],
    ['of no tokens', `{"response":"a",${over},"context":[],"eval_count":2}`],
    ["of a shape that is not Ollama's", `{"response":"a",${over},"context":[[1],[2]],"eval_count":2}`],
    ['without numbers', `{"response":"a",${over},"context":null,"eval_count":2}`],
  ])('is the same with a context %s', (_, line) => {
    expect(readAnswerLine(line)).toMatchObject({ kind: 'done', text: 'a', completionTokens: 2 });
  });

  it.each(['{"response":"a","done":true,"context":[1,2', '{"response":"a","done":true,"context":[1]'])(
    'is invalid when its context or what follows is cut off: %s',
    (line) => {
      expect(readAnswerLine(line)).toEqual({ kind: 'invalid' });
    },
  );

  it('keeps what looks like a context in a text, and in what a tool is asked', () => {
    const text = 'a,"context":[1]';
    expect(readAnswerLine(JSON.stringify({ response: text, done: false }))).toMatchObject({ text });
    const asked = { function: { name: 'look', arguments: { at: 1, context: [1, 2] } } };
    const message = { role: 'assistant', content: '', tool_calls: [asked] };
    expect(readAnswerLine(JSON.stringify({ message, done: false }))).toMatchObject({ toolCalls: [asked] });
  });

  it.each([
    ['{"response":"a","done":false}', { kind: 'delta', text: 'a', thinking: '' }],
    ['{"response":"","thinking":"hm","done":false}', { kind: 'delta', text: '', thinking: 'hm' }],
    [
      '{"message":{"role":"assistant","content":"a"},"done":false}',
      { kind: 'delta', text: 'a', thinking: '' },
    ],
    ['{"message":{"content":"","thinking":"hm"},"done":false}', { kind: 'delta', text: '', thinking: 'hm' }],
    ['{"error":"broken"}', { kind: 'error', error: 'broken' }],
    ['{"done":true}', { kind: 'done', text: '', finishReason: 'stop', promptTokens: 0, completionTokens: 0 }],
    [
      '{"response":"z","done":true,"done_reason":"length"}',
      { kind: 'done', text: 'z', finishReason: 'length' },
    ],
  ])('%s is read', (line, expected) => {
    expect(readAnswerLine(line)).toMatchObject(expected);
  });

  it.each([
    '',
    'null',
    '42',
    '"text"',
    '[]',
    '{}',
    '<!doctype html>',
    '{"response":"cut',
    '{"done":false}',
    '{"done":"true","response":"a"}',
    '{"response":1,"done":false}',
    '{"message":{"content":{}},"done":false}',
    '{"error":{"message":"as elsewhere"}}',
  ])('%j is not of the shape', (line) => {
    expect(readAnswerLine(line)).toEqual({ kind: 'invalid' });
  });

  it('counts time in milliseconds, and what is left over as time in the hidden queue', () => {
    const line = {
      done: true,
      prompt_eval_count: 7,
      eval_count: 3,
      total_duration: 10_000_000,
      load_duration: 1_000_000,
      prompt_eval_duration: 2_500_000,
      eval_duration: 3_000_000,
    };
    expect(readAnswerLine(JSON.stringify(line))).toMatchObject({
      promptTokens: 7,
      completionTokens: 3,
      durations: { totalMs: 10, loadMs: 1, promptMs: 2.5, evalMs: 3, hiddenQueueMs: 3.5 },
    });
    expect(readAnswerLine(JSON.stringify({ ...line, total_duration: 1 }))).toMatchObject({
      durations: { hiddenQueueMs: 0 },
    });
  });
});

describe('what a model asks of its tools', () => {
  const lineOf = (tool_calls: unknown): string =>
    JSON.stringify({ message: { content: '', tool_calls }, done: false });

  it.each([
    [undefined, []],
    [null, []],
    [[{ function: { name: 'now' } }], [{ function: { name: 'now', arguments: {} } }]],
    [
      [{ id: 'c1', type: 'function', function: { index: 1, name: 'now', arguments: { zone: 'BRT' }, x: 1 } }],
      [{ id: 'c1', function: { index: 1, name: 'now', arguments: { zone: 'BRT' } } }],
    ],
  ])('%j is read as %j', (given, toolCalls) => {
    expect(readAnswerLine(lineOf(given))).toMatchObject({ kind: 'delta', toolCalls });
    const [call] = toolCalls;
    if (call) expect(readAnswerLine(lineOf(given))).toHaveProperty('toolCalls', toolCalls);
  });

  it.each([7, [null], [{}], [{ function: { name: '' } }], [{ function: { name: 'now', arguments: '{}' } }]])(
    '%j is not of the shape',
    (given) => {
      expect(readAnswerLine(lineOf(given))).toEqual({ kind: 'invalid' });
    },
  );
});

describe('embeddings', () => {
  it('are as many vectors as there were texts; all but the load was for reading', () => {
    const line = JSON.stringify({
      ...{ embeddings: [[0.5, 1], [2]], prompt_eval_count: 3 },
      ...{ total_duration: 5_000_000, load_duration: 1_000_000 },
    });
    expect(readEmbeddings(line, 2)).toMatchObject({
      ...{ kind: 'done', embeddings: [[0.5, 1], [2]], promptTokens: 3, completionTokens: 0 },
      durations: { loadMs: 1, promptMs: 4, hiddenQueueMs: 0 },
    });
    expect(readEmbeddings(line, 3)).toEqual({ kind: 'invalid' });
    expect(readEmbeddings('{"error":"no"}', 1)).toEqual({ kind: 'error', error: 'no' });
  });

  it.each([
    null,
    '',
    '[]',
    'null',
    '{}',
    '{"embeddings":[[]]}',
    '{"embeddings":[[null]]}',
    '{"embeddings":[1]}',
  ])('%j is not of the shape', (line) => {
    expect(readEmbeddings(line, 1)).toEqual({ kind: 'invalid' });
  });
});
