import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);

/** What a process writes to stdout that runs `script` with `log` at hand: the lines, and all of it as text. */
async function logged(script: string, level = 'info') {
  const module = JSON.stringify(join(import.meta.dirname, 'process-logger.ts'));
  const program = `import { processLogger } from ${module};
    const log = processLogger(${JSON.stringify(level)});
    ${script}
    log.flush();`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { text: stdout, lines };
}

const KEY = 'fila_live_9fQ2hunter2';
const ADMIN = 'fila_admin_a-b_hunter2-hunter2';
const WEBHOOK = 'whsec_hunter2+/hunter2==';

describe('a line of the log', () => {
  it('is one JSON object with level, time, service and message', async () => {
    const { lines } = await logged(`log.warn({ count: 3, note: 'two\\nlines' }, 'something happened');`);
    expect(lines).toEqual([
      {
        ...{ level: 'warning', service: 'fila', count: 3, note: 'two\nlines', msg: 'something happened' },
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ]);
  });

  it('is left out while it is less important than the level that is set by then', async () => {
    const { lines } = await logged(
      `log.info({}, 'one'); log.setLevel('error'); log.warn({}, 'two'); log.setLevel('debug'); log.debug({}, 'three');`,
    );
    expect(lines.map(({ msg }) => msg)).toEqual(['one', 'three']);
  });

  it('is there after a kill when lines are written at once', async () => {
    const module = JSON.stringify(join(import.meta.dirname, 'process-logger.ts'));
    const program = `import { processLogger } from ${module};
      processLogger('info', { isAtOnce: true }).warn({}, 'last words');
      process.kill(process.pid, 'SIGKILL');`;
    const killed = await run(process.execPath, ['--input-type=module', '--eval', program]).catch(
      (error: { stdout: string; signal: string }) => error,
    );
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: expect.stringContaining('last words') });
  });

  it('is written only when it is important enough', async () => {
    const script = `for (const level of ['debug', 'info', 'warn', 'error']) log[level]({}, level);`;
    const messages = async (level: string) => (await logged(script, level)).lines.map((line) => line['msg']);
    expect(await messages('warn')).toEqual(['warn', 'error']);
    expect(await messages('debug')).toEqual(['debug', 'info', 'warn', 'error']);
    expect(await messages('silent')).toEqual([]);
  });
});

describe('secrets', () => {
  it.each([
    ...['authorization', 'key', 'secret', 'token', 'password', 'webhook_secret'],
    ...['prompt', 'messages', 'result', 'metadata', 'body'],
  ])('in a field called %s are masked, also one level down', async (name) => {
    const { lines, text } = await logged(
      `log.info({ ${name}: 'hunter2', in: { ${name}: { deep: 'hunter2' }, kept: 1 } }, 'call');`,
    );
    expect(text).not.toContain('hunter2');
    expect(lines[0]).toMatchObject({ [name]: '[masked]', in: { [name]: '[masked]', kept: 1 } });
  });

  it('that can be recognised are masked in messages, fields, errors and their causes', async () => {
    const { lines, text } = await logged(`
      for (const secret of ${JSON.stringify([KEY, ADMIN, WEBHOOK])}) {
        log.info({ note: 'got ' + secret + ', twice ' + secret }, 'with ' + secret + '.');
        const cause = new Error('the cause: ' + secret);
        log.error({ err: new Error('refused ' + secret, { cause }) }, 'broken');
        log.error({ err: 'thrown ' + secret }, 'broken');
        log.error({ error: new Error('other name ' + secret) }, 'broken');
      }`);
    expect(text).not.toContain('hunter2');
    expect(lines).toHaveLength(12);
    expect(lines[0]).toMatchObject({
      msg: 'with fila_live_[masked].',
      note: 'got fila_live_[masked], twice fila_live_[masked]',
    });
    expect(lines[1]!['err']).toMatchObject({
      message: 'refused fila_live_[masked]',
      cause: { message: 'the cause: fila_live_[masked]' },
    });
  });

  it.each([
    { given: 'mysql://fila:hunter2@db:3306/fila', then: 'mysql://fila:[masked]@db:3306/fila' },
    { given: 'redis://:hunter2@cache', then: 'redis://:[masked]@cache' },
    { given: 'mysql://fila:p@hunter2@db/fila', then: 'mysql://fila:[masked]@db/fila' },
    { given: 'mysql://fila:p/hunter2@db/fila', then: 'mysql://fila:[masked]@db/fila' },
    { given: 'http://127.0.0.1:11434 and a@b', then: 'http://127.0.0.1:11434 and a@b' },
  ])('in a URL are masked, the rest is kept: $given', async ({ given, then }) => {
    const { lines } = await logged(
      `log.warn({ url: '${given}', err: new Error('no answer from ${given}') }, 'at ${given}');`,
    );
    expect(lines[0]).toMatchObject({
      ...{ url: then, msg: `at ${then}`, err: { message: `no answer from ${then}` } },
    });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });
});

describe('an error', () => {
  it('is told by type, message, code and stack, and by nothing else it carries', async () => {
    const { lines, text } = await logged(`
      const err = new TypeError('no such table');
      Object.assign(err, { code: 'SQLITE_ERROR', sql: 'SELECT hunter2', parameters: ['hunter2'], errno: 1 });
      err.original = Object.assign(new Error('inner'), { sql: 'SELECT hunter2' });
      log.error({ err }, 'broken');
      log.error({ error: err }, 'broken');`);
    expect(text).not.toContain('hunter2');
    for (const field of [lines[0]!['err'], lines[1]!['error']]) {
      expect(field).toEqual({
        ...{ type: 'TypeError', message: 'no such table', code: 'SQLITE_ERROR' },
        stack: expect.stringMatching(/^ +at /),
      });
    }
  });

  it('is told with its causes, also when they run in a circle', async () => {
    const { lines } = await logged(`
      const outer = new Error('outer', { cause: new RangeError('inner', { cause: 'a word' }) });
      log.error({ err: outer }, 'nested');
      const circle = new Error('circle');
      circle.cause = circle;
      log.error({ err: circle }, 'circular');`);
    expect(lines[0]!['err']).toMatchObject({
      ...{ message: 'outer', cause: { type: 'RangeError', cause: { type: 'string', message: 'a word' } } },
    });
    expect(lines[1]).toMatchObject({ msg: 'circular', err: { message: 'circle' } });
  });

  it('that is very long is cut, and read quickly', async () => {
    const { lines } = await logged(`
      const startMs = performance.now();
      log.error({ err: new Error('a'.repeat(5_000_000)) }, 'long');
      log.info({ ms: performance.now() - startMs }, 'took');`);
    expect((lines[0]!['err'] as { message: string }).message).toHaveLength(2_000);
    expect(lines[1]!['ms']).toBeLessThan(1_000);
  });
});
