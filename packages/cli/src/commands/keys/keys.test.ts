import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import { newSealKeys } from './sealed-secret.ts';
import {
  problem,
  someKey,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const CREATED = { ...someKey(), key: 'fila_live_8Kd2secret', webhook_secret: 'whsec_abc' };

const brokers: ScriptedBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

/** Runs `fila keys …` against a broker that answers so. */
async function keys(
  words: readonly string[],
  answer: (call: SeenCall, count: number) => ScriptedAnswer,
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  brokers.push(broker);
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', ...setup.env };
  const run = await runCli(['keys', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('create', () => {
  const create = [
    'create',
    '--name',
    'shop',
    '--limit-minute',
    '60',
    '--limit-hour',
    '0',
    '--limit-day',
    '0',
  ];

  it('with -o json prints the key with both secrets and nothing else', async () => {
    const { code, stdout, stderr, calls } = await keys([...create, '-o', 'json'], () => ({ body: CREATED }));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(CREATED);
    expect(calls[0]).toMatchObject({
      route: 'POST /api/v1/admin/api-keys',
      body: { name: 'shop', limit_minute: 60, limit_hour: 0, limit_day: 0 },
      headers: { authorization: 'Bearer admin-token' },
    });
  });

  it('prints the key alone on stdout and the rest on stderr, also with --quiet', async () => {
    const { stdout, stderr } = await keys([...create, '--quiet'], () => ({ body: CREATED }));
    expect(stdout).toBe('fila_live_8Kd2secret\n');
    expect(stderr).toContain('whsec_abc');
    expect(stderr).toContain(CREATED.id);
    expect(stderr).toContain('shown this once');
    expect(stderr).not.toContain('fila_live_8Kd2secret');
  });

  it.each([
    ['365d', '2027-11-20T10:00:00.000Z'],
    ['2027-01-01', '2027-01-01T00:00:00.000Z'],
  ])('--expires %s sends %s', async (when, iso) => {
    const { calls } = await keys([...create, '--expires', when], () => ({ body: CREATED }));
    expect(calls[0]!.body).toMatchObject({ expires_at: iso });
  });

  it.each(['soon', '2020-01-01', '0d', '999999999w'])('--expires %s is a usage error', async (when) => {
    const { code, calls } = await keys([...create, '--expires', when], () => ({ body: CREATED }));
    expect(code).toBe(2);
    expect(calls).toHaveLength(0);
  });

  it('without a name asks on a terminal for all that no flag says, again for what it cannot read, and for a last yes', async () => {
    const typed = [
      ...['My shop', 'gold', 'many', '60', '', '0', 'requests:send', 'requests:write,requests:read'],
      ...['llama3*', '', '10.0.0.0/8, ::1', '', 'y'],
    ];
    const words = ['create', '--expires', '365d'];
    const { code, calls, stderr } = await keys(words, () => ({ body: CREATED }), { typed });
    expect(code).toBe(0);
    expect(calls[0]!.body).toEqual({
      ...{ name: 'My shop', plan: 'gold', limit_minute: 60, limit_tokens_day: 0 },
      ...{ scopes: ['requests:write', 'requests:read'], allowed_models: ['llama3*'] },
      ...{ allowed_ips: ['10.0.0.0/8', '::1'], expires_at: '2027-11-20T10:00:00.000Z' },
    });
    expect(stderr).toContain('many is no number');
    expect(stderr).toContain('There is no scope requests:send');
    expect(stderr).not.toContain('Expires, such as');
    expect(stderr).toContain(
      "fila keys create --name 'My shop' --expires 365d --plan gold --limit-minute 60 --limit-tokens-day 0",
    );
  });

  it.each(['', 'n', 'x'])('makes none when the last answer is "%s"', async (answer) => {
    const typed = ['My shop', ...Array<string>(10).fill(''), answer];
    const { code, calls, stderr } = await keys(['create'], () => ({ body: CREATED }), { typed });
    expect({ code, calls }).toEqual({ code: 1, calls: [] });
    expect(stderr).toContain('No key was made.');
  });

  it('turns flags into what the key may do, also in set, where words take it back', async () => {
    const rights = ['--scopes', 'requests:read', '--models', 'a*,b', '--queues', 'night', '--from', '::1'];
    const words = [...create, ...rights, '--starts', '12h', '--expires', 'never'];
    const made = await keys(words, () => ({ body: CREATED }));
    expect(made.calls[0]!.body).toMatchObject({
      ...{ scopes: ['requests:read'], allowed_models: ['a*', 'b'], allowed_queues: ['night'] },
      ...{ allowed_ips: ['::1'], not_before: '2026-11-20T22:00:00.000Z', expires_at: null },
    });
    const back = [
      '--scopes',
      'any',
      '--models',
      'any',
      '--queues',
      'any',
      '--from',
      'any',
      '--starts',
      'now',
    ];
    const { calls } = await keys(['set', 'key_1', ...back], () => ({ body: someKey() }));
    expect(calls[0]!.body).toEqual({
      ...{ scopes: null, allowed_models: null, allowed_queues: null, allowed_ips: null, not_before: null },
    });
  });

  it.each([
    ['--scopes', 'requests:all'],
    ['--models', 'a,,b'],
    ['--starts', 'soon'],
    ['--seal-to', 'fila_sealto_short'],
  ])('refuses %s %s before it asks the broker', async (flag, value) => {
    const { code, calls } = await keys([...create, flag, value], () => ({ body: CREATED }));
    expect({ code, calls }).toEqual({ code: 2, calls: [] });
  });

  describe('with --seal-to', () => {
    const dir = mkdtempSync(join(tmpdir(), 'fila-seal-'));
    const file = join(dir, 'my.unseal');
    afterEach(() => rmSync(file, { force: true }));

    it.each([[], ['-o', 'json'], ['-o', 'jsonl'], ['-o', 'yaml']])(
      'shows nothing in clear, and its receiver opens it: %j %j',
      async (...format) => {
        const pair = await keys(['seal-key', '--out', file], () => problem(500, 'internal_error'));
        expect(pair.calls).toEqual([]);
        expect(statSync(file).mode & 0o777).toBe(0o600);
        const words = [...create, '--seal-to', pair.stdout.trim(), ...format];
        const { code, stdout, stderr } = await keys(words, () => ({ body: CREATED }));
        expect(code).toBe(0);
        for (const secret of [CREATED.key, CREATED.webhook_secret])
          expect(stdout + stderr).not.toContain(secret);
        const [sealed = ''] = /fila_sealed_[\w-]+/.exec(stdout) ?? [];
        const opened = await keys(['unseal', '--with', file], () => problem(500, 'internal_error'), {
          stdin: `${sealed}\n`,
        });
        expect(opened.stdout).toBe(`${CREATED.key}\n`);
        expect(opened.stderr).toContain(CREATED.webhook_secret);
        const data = await keys(['unseal', '--with', file, '--json'], () => problem(500, 'internal_error'), {
          stdin: sealed,
        });
        const { id, key, webhook_secret } = CREATED;
        expect(JSON.parse(data.stdout)).toEqual({ id, key, webhook_secret });
      },
    );

    it('puts the sealed text into the file of --out, and nothing of it into the data', async () => {
      const { publicKey } = newSealKeys();
      const words = [...create, '--seal-to', publicKey, '--out', file, '--json'];
      const { stdout } = await keys(words, () => ({ body: CREATED }));
      expect(readFileSync(file, 'utf8')).toMatch(/^fila_sealed_[\w-]+\n$/);
      expect(stdout).not.toMatch(/fila_sealed_|webhook_secret|"key"/);
    });

    it('is not opened by another key', async () => {
      writeFileSync(file, newSealKeys().privateKey);
      const words = [...create, '--seal-to', newSealKeys().publicKey];
      const { stdout } = await keys(words, () => ({ body: CREATED }));
      const opened = await keys(['unseal', '--with', file], () => ({ body: null }), { stdin: stdout });
      expect({ code: opened.code, stdout: opened.stdout }).toEqual({ code: 2, stdout: '' });
    });
  });

  it.each([
    ['in a pipe', ['create'], {}],
    ['with --no-input', ['create', '--no-input'], { typed: ['My shop'] }],
    ['with FILA_NO_INPUT', ['create'], { typed: ['My shop'], env: { FILA_NO_INPUT: '1' } }],
    ['when the answer is empty', ['create'], { typed: [] }],
  ])('without a name %s names the flag', async (_where, words, setup) => {
    const { code, stderr, calls } = await keys(words, () => ({ body: CREATED }), setup);
    expect(code).toBe(2);
    expect(stderr).toContain('--name');
    expect(calls).toHaveLength(0);
  });

  it('refuses -o name, which would lose the secret', async () => {
    const { code, calls } = await keys([...create, '-o', 'name'], () => ({ body: CREATED }));
    expect(code).toBe(2);
    expect(calls).toHaveLength(0);
  });

  describe('with --out', () => {
    const dir = mkdtempSync(join(tmpdir(), 'fila-keys-'));
    const file = join(dir, 'shop.key');
    afterEach(() => rmSync(file, { force: true }));

    it('writes the key to a file that only the owner can read, and the id to stdout', async () => {
      const { code, stdout } = await keys([...create, '--out', file], () => ({ body: CREATED }));
      expect(code).toBe(0);
      expect(stdout).toBe(`${CREATED.id}\n`);
      expect(readFileSync(file, 'utf8')).toBe('fila_live_8Kd2secret\n');
      expect(statSync(file).mode & 0o777).toBe(0o600);
    });

    it('makes no key when the file is there already, and leaves it alone', async () => {
      writeFileSync(file, 'mine');
      const { code, calls } = await keys([...create, '--out', file], () => ({ body: CREATED }));
      expect(code).toBe(6);
      expect(calls).toHaveLength(0);
      expect(readFileSync(file, 'utf8')).toBe('mine');
    });

    it('leaves no file behind when the broker refuses', async () => {
      const { code } = await keys([...create, '--out', file], () => problem(422, 'validation_failed'));
      expect(code).toBe(2);
      expect(() => statSync(file)).toThrow('ENOENT');
    });
  });
});

describe('list', () => {
  const page = {
    body: { items: [someKey(), someKey({ id: 'key_b', status: 'revoked' })], next_cursor: 'c2' },
  };

  it('on a terminal is a table with glyphs and relative times', async () => {
    const { stdout, stderr } = await keys(['list'], () => page, { columns: 120 });
    const [header, first, second] = stdout.split('\n');
    expect(header).toMatch(/^ID +NAME +STATUS +LIMITS +EXPIRES +LAST-USED +CREATED$/);
    expect(first).toMatch(/● active +60\/minute +- +- +2h ago$/);
    expect(second).toContain('✖ revoked');
    expect(stderr).toContain('--cursor c2');
  });

  it('in a pipe is tab separated, exact, and without header', async () => {
    const { stdout } = await keys(['list'], () => page);
    expect(stdout.split('\n')[0]).toBe(
      'key_0000000000000000000000000a\tshop\tactive\t60/minute\t\t\t2026-11-20T08:00:00.000Z',
    );
  });

  it('passes filters on, and follows every page with --all', async () => {
    const { calls, stdout } = await keys(
      ['list', '--all', '--status', 'active', '--limit', '2', '-o', 'name'],
      (_call, count) =>
        count === 1 ? page : { body: { items: [someKey({ id: 'key_c' })], next_cursor: null } },
    );
    expect(calls.map(({ query }) => query)).toEqual([
      { limit: '2', status: 'active' },
      { limit: '2', status: 'active', cursor: 'c2' },
    ]);
    expect(stdout).toBe('key_0000000000000000000000000a\nkey_b\nkey_c\n');
  });

  it('an empty one says how to make a key, on stderr', async () => {
    const { code, stdout, stderr } = await keys(['list'], () => ({ body: { items: [], next_cursor: null } }));
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('fila keys create');
  });

  it('a name cannot move the cursor of a terminal', async () => {
    const body = { items: [someKey({ name: 'a\u001b[2J\u009bb' })], next_cursor: null };
    for (const setup of [{ columns: 120 }, {}]) {
      const { stdout } = await keys(['list'], () => ({ body }), setup);
      expect(stdout).toContain('a␛[2J');
      expect(stdout.replace(/[\n\t]/g, '')).not.toMatch(/\p{Cc}/u);
    }
  });
});

describe('suspend, resume and revoke', () => {
  it('suspend and resume do not ask', async () => {
    const suspended = await keys(['suspend', 'key_a'], () => ({ body: someKey({ status: 'suspended' }) }));
    expect(suspended).toMatchObject({ code: 0, stdout: 'key/key_a suspended\n' });
    expect(suspended.calls[0]!.route).toBe('POST /api/v1/admin/api-keys/key_a/suspend');
    const resumed = await keys(['resume', 'key_a'], () => ({ body: someKey() }));
    expect(resumed).toMatchObject({ code: 0, stdout: 'key/key_a resumed\n' });
    expect(resumed.calls[0]!.route).toBe('POST /api/v1/admin/api-keys/key_a/resume');
  });

  const oneIsMissing = ({ route }: SeenCall): ScriptedAnswer =>
    route.includes('key_b') ? problem(404, 'not_found') : { body: someKey() };

  it('some of several that fail end with 3, and each is named', async () => {
    const { code, stdout, stderr } = await keys(['suspend', 'key_a', 'key_b', 'key_c'], oneIsMissing);
    expect(code).toBe(3);
    expect(stdout).toBe('key/key_a suspended\nkey/key_c suspended\n');
    expect(stderr).toContain('key/key_b: Not found');
  });

  it('when all fail alike the exit code is theirs', async () => {
    expect((await keys(['suspend', 'key_b'], oneIsMissing)).code).toBe(5);
    expect((await keys(['suspend', 'key_b', 'key_b'], oneIsMissing)).code).toBe(5);
  });

  it('several as json are a list, one is itself', async () => {
    const several = await keys(['suspend', 'key_a', 'key_c', '--json'], oneIsMissing);
    expect(JSON.parse(several.stdout)).toMatchObject({ items: [{ name: 'shop' }, {}], next_cursor: null });
    const one = await keys(['suspend', 'key_a', '--json'], oneIsMissing);
    expect(JSON.parse(one.stdout)).toMatchObject({ name: 'shop' });
  });

  it('- takes ids from stdin', async () => {
    const { calls } = await keys(['suspend', '-'], () => ({ body: someKey() }), { stdin: 'key_a\nkey_c\n' });
    expect(calls.map(({ route }) => route.split('/').at(-2))).toEqual(['key_a', 'key_c']);
    expect((await keys(['suspend', '-'], () => ({ body: {} }))).code).toBe(2);
  });

  it('revoke without a terminal needs --yes', async () => {
    const refused = await keys(['revoke', 'key_a'], () => ({ body: someKey() }));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('fila keys revoke key_a --yes');
    expect(refused.calls).toHaveLength(0);
    const done = await keys(['revoke', 'key_a', '--yes'], () => ({ body: someKey({ status: 'revoked' }) }));
    expect(done).toMatchObject({ code: 0, stdout: 'key/key_a revoked\n' });
    expect(done.calls[0]!.route).toBe('DELETE /api/v1/admin/api-keys/key_a');
  });

  it.each([
    ['y', 0, true],
    ['yes', 0, true],
    ['n', 1, false],
    ['', 1, false],
  ])('revoke on a terminal shows the name and asks; %s ends with %i', async (answer, exitCode, isRevoked) => {
    const { code, stderr, calls } = await keys(['revoke', 'key_a'], () => ({ body: someKey() }), {
      typed: [answer],
    });
    expect(code).toBe(exitCode);
    expect(stderr).toContain('shop');
    expect(calls.some(({ route }) => route.startsWith('DELETE'))).toBe(isRevoked);
  });
});

describe('what goes wrong', () => {
  it.each([
    [401, 'unauthorized', 4],
    [404, 'not_found', 5],
    [409, 'conflict', 6],
    [422, 'validation_failed', 2],
  ])('%i %s ends with %s', async (status, code, exitCode) => {
    const run = await keys(['show', 'key_a'], () => problem(status, code));
    expect(run.code).toBe(exitCode);
    expect(run.stderr).toContain(`This is ${code}.`);
    const asJson = await keys(['show', 'key_a', '-o', 'json'], () => problem(status, code));
    expect(JSON.parse(asJson.stderr)).toMatchObject({
      error: { code, exit_code: exitCode, request_id: 'run_test-1' },
    });
  });

  it('no token ends with 4 and says where to get one', async () => {
    const { code, stderr } = await runCli(['keys', 'list']);
    expect(code).toBe(4);
    expect(stderr).toContain('--token-file');
  });

  it('no daemon ends with 7 and says how to start it', async () => {
    const broker = await startScriptedBroker(() => ({ body: {} }));
    await broker.stop();
    const { code, stderr } = await runCli(['keys', 'list'], {
      env: { FILA_URL: broker.url, FILA_TOKEN: 't' },
    });
    expect(code).toBe(7);
    expect(stderr).toContain('fila serve   (or: fila dev)');
  });
});

describe('a key that may not do something', () => {
  it.each(['scope_missing', 'model_not_allowed', 'queue_not_allowed', 'address_not_allowed'])(
    'is not said to be wrong: %s',
    async (code) => {
      const said = await keys(['list'], () => problem(403, code));
      expect(said.code).toBe(4);
      expect(said.stderr).toContain('This key may not do that');
      expect(said.stderr).not.toContain('refused the key');
    },
  );
});
