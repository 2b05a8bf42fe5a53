import { readFileSync } from 'node:fs';
import {
  Conflict,
  ConnectionFailed,
  InvalidRequest,
  NotAllowed,
  NotFound,
  RateLimited,
  TimedOut,
  Unavailable,
} from '@fila/sdk';
import { describe, expect, it } from 'vitest';
import { createPaint } from './colour.ts';
import { CliError, troubleJson, troubleLines, troubleOf } from './error-text.ts';
import { EXIT, EXIT_MEANINGS } from './exit-codes.ts';

const facts = (code: string) => ({ code, detail: `It is ${code}.`, retryable: false });
const plain = createPaint(false);

describe('troubleOf', () => {
  it.each([
    [new NotAllowed(facts('unauthorized')), 4],
    [new NotFound(facts('not_found')), 5],
    [new Conflict(facts('conflict')), 6],
    [new RateLimited(facts('rate_limited')), 6],
    [new InvalidRequest(facts('validation_failed')), 2],
    [new Unavailable(facts('unavailable')), 7],
    [new Unavailable(facts('internal_error')), 1],
    [new ConnectionFailed(facts('connection_failed')), 7],
    [new TimedOut(facts('timed_out')), 7],
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 7],
    [new Error('outer', { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) }), 7],
    [Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }), 1],
    [new Error('a bug'), 1],
    ['thrown text', 1],
    [undefined, 1],
  ])('%s ends with %i', (error, exitCode) => {
    expect(troubleOf(error).exitCode).toBe(exitCode);
  });

  it('says a mistake of the program in one line, without a stack', () => {
    const lines = troubleLines(troubleOf(new TypeError('x is not a function')), plain);
    expect(lines).toEqual(['✖ Something unexpected: x is not a function.']);
  });

  it('names every place that the daemon refused, but for one that it has spoken of', () => {
    const error = new InvalidRequest({
      ...facts('validation_failed'),
      errors: [{ pointer: '/model', detail: 'must match pattern' }],
      requestId: 'run_1',
    });
    expect(troubleLines(troubleOf(error), plain)).toEqual([
      '✖ The daemon refused what was sent.',
      '  It is validation_failed.',
      '  /model: must match pattern',
    ]);
    const detail = '/name must be short';
    const errors = [{ pointer: '/name', detail: 'must be short' }];
    const one = new InvalidRequest({ ...facts('validation_failed'), detail, errors });
    expect(troubleOf(one).why).toEqual(['/name must be short.']);
  });

  it('says when to try again, where the daemon has said so', () => {
    const limited = new RateLimited({ ...facts('rate_limited'), retryAfterMs: 12_000 });
    expect(troubleOf(limited).next).toEqual([['Try again', 'in 12s']]);
  });

  it('names the id under which the log says more, where it does', () => {
    const linesOf = (error: unknown) => troubleLines(troubleOf(error), plain).join('\n');
    const more = { requestId: 'run_1' };
    expect(linesOf(new Unavailable({ ...facts('internal_error'), ...more }))).toContain('request id run_1');
    expect(linesOf(new NotFound({ ...facts('not_found'), ...more }))).not.toContain('run_1');
  });

  it('says how to start a daemon that is not there', () => {
    const lines = troubleLines(troubleOf(new ConnectionFailed(facts('connection_failed'))), plain);
    expect(lines.join('\n')).toContain('Start it:');
    expect(lines.join('\n')).toContain('fila serve   (or: fila dev)');
  });
});

it('text of others cannot reach the terminal through an error', () => {
  const error = new NotFound({ ...facts('not_found'), detail: 'no \u001b[2J\u0007 such' });
  expect(troubleLines(troubleOf(error), plain).join('')).not.toMatch(/\p{Cc}/u);
});

it('as JSON has code, message, fix, request id and exit code', () => {
  const trouble = new CliError({
    exitCode: EXIT.conflict,
    code: 'conflict',
    what: 'It cannot be',
    next: [['Do', 'fila that']],
    requestId: 'run_1',
  }).trouble;
  expect(JSON.parse(troubleJson(trouble))).toEqual({
    error: {
      code: 'conflict',
      message: 'It cannot be',
      fix: ['fila that'],
      request_id: 'run_1',
      exit_code: 6,
    },
  });
});

describe('the exit codes', () => {
  it('have a meaning each', () => {
    expect(EXIT_MEANINGS.map(([code]) => code)).toEqual(Object.values(EXIT));
  });

  it('are in the README, in the same words', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    for (const [code, meaning] of EXIT_MEANINGS.filter(([code]) => code < 130))
      expect(readme).toMatch(new RegExp(`^\\| ${code} +\\| ${meaning} +\\|$`, 'm'));
  });
});
