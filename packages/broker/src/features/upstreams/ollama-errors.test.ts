import { describe, expect, it } from 'vitest';
import { judgeAnswer, judgeBrokenConnection, judgeErrorLine, judgeTimeout } from './ollama-errors.ts';

const ollama = (error: string) => JSON.stringify({ error });
const HTML = '<html><body>Bad gateway at http://10.1.2.3:11434</body></html>';

const ANSWERS: [status: number, body: string, code: string, retryable: boolean][] = [
  [400, ollama('missing request body'), 'upstream_rejected', false],
  [400, ollama("invalid character 'x' looking for beginning of value"), 'upstream_rejected', false],
  [400, ollama('model is required'), 'upstream_rejected', false],
  [400, ollama('raw mode does not support template, system, or context'), 'upstream_rejected', false],
  [400, ollama('"llama3" does not support thinking'), 'upstream_rejected', false],
  [400, ollama('"all-minilm" does not support generate'), 'upstream_rejected', false],
  [400, ollama('"all-minilm" does not support chat'), 'upstream_rejected', false],
  [400, ollama('top_logprobs must be between 0 and 20'), 'upstream_rejected', false],
  [400, ollama('invalid input type'), 'upstream_rejected', false],
  [400, ollama('out of memory'), 'upstream_rejected', false],
  [400, ollama('input length exceeds the context length'), 'context_exceeded', false],
  [400, ollama('input length exceeds maximum context length'), 'context_exceeded', false],
  [
    400,
    ollama('the prompt is longer than the context length currently available (4096)'),
    'context_exceeded',
    false,
  ],
  [400, HTML, 'upstream_invalid', true],
  [401, '{"error":"unauthorized","signin_url":"https://ollama.com/x"}', 'model_not_allowed', false],
  [401, HTML, 'upstream_invalid', true],
  [403, '', 'upstream_rejected', false],
  [403, ollama('ollama cloud is disabled'), 'model_not_allowed', false],
  [404, ollama("model 'x' not found"), 'model_not_found', false],
  [404, ollama('model "x" not found, try pulling it first'), 'model_not_found', false],
  [404, '404 page not found', 'upstream_invalid', true],
  [405, '405 method not allowed', 'upstream_rejected', false],
  [413, HTML, 'upstream_rejected', false],
  [429, ollama('you have reached your usage limit'), 'model_not_allowed', false],
  [499, ollama('request canceled'), 'upstream_failed', true],
  [500, ollama('model runner has unexpectedly stopped, this may be due to …'), 'upstream_failed', true],
  [500, ollama('an error was encountered while running the model: EOF'), 'upstream_failed', true],
  [500, ollama('llama runner process has terminated: exit status 2'), 'upstream_failed', true],
  [500, ollama('model requires more system memory (9 GiB) than is available'), 'upstream_failed', true],
  [500, ollama('timed out waiting for llama-server to start: '), 'upstream_failed', true],
  [500, ollama('unable to load model: /root/.ollama/models/blobs/sha256-1'), 'upstream_failed', true],
  [500, ollama('context deadline exceeded'), 'upstream_failed', true],
  [500, ollama('option "temperature" must be of type float32'), 'upstream_rejected', false],
  [500, ollama('the request exceeds the available context size'), 'context_exceeded', false],
  [500, '', 'upstream_failed', true],
  [502, ollama('upstream error'), 'model_not_allowed', false],
  [502, HTML, 'upstream_unreachable', true],
  [503, HTML, 'upstream_unreachable', true],
  [504, HTML, 'upstream_timeout', true],
  [204, '', 'upstream_invalid', true],
  [301, '', 'upstream_invalid', true],
  [307, ollama('moved'), 'upstream_invalid', true],
];

describe('an answer that is not 200', () => {
  it.each(ANSWERS)('%i %s means %s', (status, body, code, retryable) => {
    expect(judgeAnswer(status, body)).toMatchObject({ kind: 'failed', code, retryable });
  });

  it('is back-pressure when something in front of Ollama lets no more calls through', () => {
    expect(judgeAnswer(429, 'Too many requests')).toMatchObject({ kind: 'busy' });
    expect(judgeAnswer(429, HTML)).toMatchObject({ kind: 'busy' });
  });

  it('is back-pressure when Ollama says that its queue is full', () => {
    const body = ollama('server busy, please try again.  maximum pending requests exceeded');
    expect(judgeAnswer(503, body)).toMatchObject({ kind: 'busy' });
  });

  it('tells the client nothing of addresses, paths, stacks or the prompt', () => {
    const secret =
      'Post "http://10.1.2.3:4711/completion": /root/.ollama goroutine 1 [running]: my secret prompt';
    for (const [status, body] of ANSWERS)
      for (const text of [body, ollama(secret), secret, ollama(`out of memory: ${secret}`)]) {
        const { message } = judgeAnswer(status, text);
        expect(message).not.toMatch(/10\.1|http|4711|\/root|goroutine|secret|sha256/);
        expect(message.length).toBeLessThanOrEqual(500);
      }
  });

  it('names the option or the ability that is at fault', () => {
    expect(judgeAnswer(500, ollama('option "top_k" must be of type integer')).message).toBe(
      'The option top_k must be of type integer.',
    );
    expect(judgeAnswer(400, ollama('"x" does not support thinking')).message).toBe(
      'The model does not support thinking.',
    );
  });
});

describe('an error line inside a 200', () => {
  it.each([
    ['an error was encountered while running the model: CUDA error', 'upstream_failed', true],
    ['something new', 'upstream_failed', true],
    ['input length exceeds the context length', 'context_exceeded', false],
    ['option "seed" must be of type integer', 'upstream_rejected', false],
  ])('%s means %s', (text, code, retryable) => {
    expect(judgeErrorLine(text)).toMatchObject({ kind: 'failed', code, retryable });
  });
});

describe('a broken connection', () => {
  it.each([
    ['ECONNREFUSED', 'connect', 'upstream_unreachable'],
    ['ENOTFOUND', 'connect', 'upstream_unreachable'],
    ['UND_ERR_SOCKET', 'first_token', 'upstream_unreachable'],
    ['ECONNRESET', 'stream', 'upstream_unreachable'],
    ['UND_ERR_HEADERS_OVERFLOW', 'first_token', 'upstream_invalid'],
  ] as const)('%s while in %s means %s', (code, phase, expected) => {
    const error = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:11434'), { code });
    const verdict = judgeBrokenConnection(error, phase);
    expect(verdict).toMatchObject({ code: expected, retryable: true });
    expect(verdict.message).not.toContain('10.1');
  });
});

describe('an answer that is not HTTP', () => {
  it('is invalid, whatever comes first', () => {
    const error = Object.assign(new Error('Expected HTTP/'), { name: 'HTTPParserError' });
    expect(judgeBrokenConnection(error, 'first_token').code).toBe('upstream_invalid');
  });
});

describe('a timer that ran out', () => {
  it.each(['connect', 'first_token', 'gap', 'total'] as const)('%s is named', (timer) => {
    expect(judgeTimeout(timer, 250)).toMatchObject({
      code: 'upstream_timeout',
      retryable: true,
      message: expect.stringMatching(new RegExp(`within 250 ms \\(${timer} timer\\)`)),
    });
  });
});
