import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import {
  answerId,
  answerTokens,
  contextNumbers,
  countTokens,
  lastText,
  promptHash,
  simulatedAnswer,
  simulatedEmbedding,
  thinkingTokens,
} from './answers.ts';
import { jsonTokens, simulatedJsonAnswer } from './shaped-answers.ts';

const chat = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', content: 'Who are you?' },
];

describe('simulatedAnswer', () => {
  it('is the same text every time, down to the letter', () => {
    expect(simulatedAnswer('llama3:8b', 'Why is the sky blue?', 10)).toBe(
      simulatedAnswer('llama3:8b', 'Why is the sky blue?', 10),
    );
    expect(simulatedAnswer('llama3:8b', 'Why is the sky blue?', 10)).toMatch(
      /^#[0-9a-f]{16} simulação de llama3:8b: Why is the sky blue\?\.$/,
    );
  });

  it('differs for every prompt, model, conversation and seed', () => {
    const answers = [
      ...Array.from({ length: 5_000 }, (_, index) => simulatedAnswer('llama3:8b', `prompt ${index}`, 1)),
      simulatedAnswer('gemma2:2b', 'prompt 1', 1),
      simulatedAnswer('llama3:8b', chat, 1),
      simulatedAnswer('llama3:8b', [...chat, { role: 'assistant', content: 'A model.' }], 1),
      simulatedAnswer('llama3:8b', 'prompt 1', 1, 7),
    ];
    expect(new Set(answers).size).toBe(answers.length);
  });

  it('is a beginning of the longer answer to the same prompt', () => {
    const long = simulatedAnswer('llama3:8b', 'a', 100);
    for (const length of [0, 1, 3, 32, 99])
      expect(long.startsWith(simulatedAnswer('llama3:8b', 'a', length))).toBe(true);
    expect(answerTokens(answerId('llama3:8b', promptHash('a'), 1), 'llama3:8b', 'a', 100)).toHaveLength(100);
  });

  it('carries every canary of the prompt verbatim, wherever it stood', () => {
    const prompt = 'x '.repeat(500) + '[[canary:Zé-42]] and [[canary:second one]]';
    expect(simulatedAnswer('llama3:8b', prompt, 1)).toContain('Zé-42');
    expect(simulatedAnswer('llama3:8b', prompt, 1)).toContain('second one');
    expect(simulatedAnswer('llama3:8b', [{ role: 'system', content: '[[canary:S]]' }, ...chat], 1)).toMatch(
      / S$/,
    );
  });

  it('echoes words but no markers, so that an answer asked about again brings no fault back', () => {
    const answer = simulatedAnswer('llama3:8b', '[[fault:error_500]] tell me');
    expect(answer).toContain(': tell me.');
    expect(answer).not.toContain('[[');
  });

  it('takes a name without its tag, or in capitals, for the same model', () => {
    expect(simulatedAnswer('Mistral', 'a')).toBe(simulatedAnswer('mistral:latest', 'a'));
  });

  it('has characters of several bytes soon after its start', () => {
    const answer = simulatedAnswer('llama3:8b', 'a', 2);
    expect(Buffer.byteLength(answer)).toBeGreaterThan(answer.length);
  });
});

describe('texts around the answer', () => {
  it('thinks something else than it says', () => {
    const thinking = thinkingTokens(answerId('qwen3:8b', promptHash('a'), 1)).join('');
    expect(thinking).toMatch(/^Pensando em #[0-9a-f]{16}:/);
    expect(thinking).not.toBe(simulatedAnswer('qwen3:8b', 'a'));
  });

  it('takes the last words of the user for the question', () => {
    expect(lastText([...chat, { role: 'assistant', content: 'A model.' }])).toBe('Who are you?');
  });

  it.each([
    ['', 0],
    ['a', 1],
    ['abcd', 1],
    ['abcde', 2],
  ])('counts %j as %i tokens', (text, count) => expect(countTokens(text)).toBe(count));

  it('gives one prompt one hash and another prompt another', () => {
    expect(promptHash('a')).toBe(promptHash('a'));
    expect(promptHash('a')).not.toBe(promptHash('b'));
    expect(promptHash(chat)).not.toBe(promptHash(chat.slice(1)));
  });

  it('numbers a context from where the id says, in steps around the vocabulary', () => {
    const start = 0xfedcba98;
    expect(contextNumbers('fedcba9876543210', 300)).toEqual(
      Array.from({ length: 300 }, (_, index) => (start + index * 7_919) % 32_000),
    );
    expect(contextNumbers('fedcba9876543210', 0)).toEqual([]);
  });

  it('echoes 24 characters of a word, however many bytes they have', () => {
    const answer = simulatedAnswer('llama3:8b', `${'🚀'.repeat(30)} ${'x'.repeat(30)} ${'é'.repeat(24)}`, 8);
    expect(answer).toMatch(new RegExp(`: ${'🚀'.repeat(24)} ${'x'.repeat(24)} ${'é'.repeat(24)}\\.$`));
  });

  it('embeds a text in a vector of length one that depends on the text', () => {
    const vector = simulatedEmbedding('nomic-embed-text', 'a');
    expect(vector).toHaveLength(768);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
    expect(simulatedEmbedding('nomic-embed-text', 'a')).toEqual(vector);
    expect(simulatedEmbedding('nomic-embed-text', 'b')).not.toEqual(vector);
  });
});

describe('simulatedJsonAnswer', () => {
  it('answers plain JSON with the canaries in it', () => {
    const answer = JSON.parse(simulatedJsonAnswer('llama3:8b', 'q [[canary:"X"]]', 'json')) as {
      answer: string;
    };
    expect(answer.answer).toMatch(/^#[0-9a-f]{16} "X"$/);
  });

  it('answers an instance of the schema', () => {
    const schema = {
      type: 'object',
      required: ['name', 'age', 'tags', 'mood', 'address', 'nothing', 'either'],
      additionalProperties: false,
      properties: {
        name: { type: 'string', minLength: 3, maxLength: 40 },
        age: { type: 'integer', minimum: 18 },
        score: { type: 'number', exclusiveMinimum: 0.5, maximum: 9 },
        low: { type: 'number', maximum: -4 },
        tags: { type: 'array', minItems: 2, items: { type: 'string' } },
        mood: { enum: ['good', 'bad'] },
        address: { $ref: '#/$defs/address' },
        nothing: { type: 'null' },
        either: { anyOf: [{ type: 'boolean' }, { type: 'string' }] },
        fixed: { const: 4 },
      },
      $defs: {
        address: { type: 'object', required: ['street'], properties: { street: { type: 'string' } } },
      },
    };
    const answer: unknown = JSON.parse(simulatedJsonAnswer('llama3:8b', 'q', schema));
    const check = new Ajv({ strict: false }).compile(schema);
    expect(check(answer), JSON.stringify(check.errors)).toBe(true);
    expect(JSON.stringify(answer)).not.toBe(simulatedJsonAnswer('llama3:8b', 'another', schema));
  });

  it('ends for a schema that contains itself', () => {
    const schema = { type: 'object', properties: { child: { $ref: '#' } } };
    expect(simulatedJsonAnswer('llama3:8b', 'q', schema)).toMatch(/null}+$/);
  });

  it('is cut into pieces that never split a character', () => {
    expect(jsonTokens('{"a":"🚀🚀"}').join('')).toBe('{"a":"🚀🚀"}');
    for (const piece of jsonTokens('{"a":"🚀🚀🚀🚀🚀"}')) expect(piece.isWellFormed()).toBe(true);
  });
});
