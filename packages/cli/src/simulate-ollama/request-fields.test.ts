import { describe, expect, it } from 'vitest';
import { Refusal } from './http-answers.ts';
import { CHAT_BODY, GENERATE_BODY, optionComplaint, readFields, readKeepAlive } from './request-fields.ts';

describe('readFields', () => {
  it.each<[string, string]>([
    ['{"model": 4}', 'json: cannot unmarshal number into Go struct field ChatRequest.model of type string'],
    [
      '{"messages": "hi"}',
      'json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message',
    ],
    [
      '{"messages": [{"role": "user", "content": [{"type": "text"}]}]}',
      'json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string',
    ],
    [
      '{"stream": "no"}',
      'json: cannot unmarshal string into Go struct field ChatRequest.stream of type bool',
    ],
    ['[1]', 'json: cannot unmarshal array into Go value of type api.ChatRequest'],
    [
      '{"think": "hard"}',
      'invalid think value: "hard" (must be "high", "medium", "low", "max", true, or false)',
    ],
    ['{"think": 3}', 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'],
  ])('complains of %s as Ollama does', (text, error) => {
    expect(readFields(text, CHAT_BODY)).toEqual(new Refusal(400, error));
  });

  it('takes null for nothing, and leaves alone what it does not know', () => {
    expect(readFields('{"prompt": null, "error": "x", "status": 7}', GENERATE_BODY)).toEqual({
      error: 'x',
      status: 7,
    });
    expect(readFields('null', GENERATE_BODY)).toEqual({});
  });
});

describe('readKeepAlive', () => {
  it.each<[unknown, number | undefined]>([
    [undefined, undefined],
    [0, 0],
    [1.5, 1_500],
    [-1, Number.POSITIVE_INFINITY],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1_500],
    ['250ms', 250],
    ['-1m', Number.POSITIVE_INFINITY],
    ['0', 0],
  ])('reads %j as %j ms', (given, keepAliveMs) => expect(readKeepAlive(given)).toEqual({ keepAliveMs }));

  it.each([
    ['soon', 'time: invalid duration "soon"'],
    ['5', 'time: missing unit in duration "5"'],
    [true, "Unsupported type: 'bool'"],
  ])('refuses %j', (given, error) => expect(readKeepAlive(given)).toEqual(new Refusal(400, error)));
});

describe('optionComplaint', () => {
  it.each<[Record<string, unknown>, string | undefined]>([
    [{ temperature: 'warm' }, 'option "temperature" must be of type float32'],
    [{ use_mmap: 1 }, 'option "use_mmap" must be of type boolean'],
    [{ stop: 'x' }, 'option "stop" must be of type array'],
    [{ stop: [1] }, 'option "stop" must be of an array of strings'],
    [{ num_ctx: null, toString: 1, max_tokens: 'x', seed: 4, stop: ['a'] }, undefined],
  ])('of %j is %j', (options, error) => expect(optionComplaint(options)?.error).toBe(error));
});
