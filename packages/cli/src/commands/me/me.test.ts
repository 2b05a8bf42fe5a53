/** People at a terminal: setting up, signing in and out, proving who one is, contexts; against a scripted broker. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli, type CliRun, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fila-me-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const NOW = Date.parse('2026-11-20T10:00:00Z');
const TOKEN = `fila_sess_${'a'.repeat(43)}`;
const ANA = {
  ...{ id: 'usr_0000000000000000000000000a', name: 'ana', role: 'super-admin', status: 'active' },
  ...{ has_password: true, totp: false, last_login_at: null, created_at: '2026-11-20T08:00:00.000Z' },
};
const SIGNED_IN = {
  token: TOKEN,
  user: ANA,
  session: { id: 'ses_0000000000000000000000000a', expires_at: '2026-11-20T14:00:00.000Z' },
};
const WHOAMI = {
  ...{ kind: 'user', id: ANA.id, name: 'ana', role: 'super-admin', permissions: ['keys.read'], totp: false },
  ...{ session: SIGNED_IN.session, proved_until: null, must_enrol_totp: false },
};

type Answer = (call: SeenCall, count: number) => ScriptedAnswer;

async function fila(words: readonly string[], answer: Answer, setup: CliSetup = {}) {
  const broker = await startScriptedBroker(answer);
  const env = { FILA_URL: broker.url, FILA_CONFIG_DIR: dir, ...setup.env };
  const run = (more: readonly string[] = words, again: CliSetup = setup): Promise<CliRun> =>
    runCli(more, { nowMs: NOW, ...again, env: { ...env, ...again.env } });
  const first = await run();
  return { ...first, calls: broker.calls, url: broker.url, run, stop: () => broker.stop() };
}

const sessions = (): string[] => {
  try {
    return readdirSync(join(dir, 'sessions'));
  } catch {
    return [];
  }
};

describe('fila login', () => {
  it('asks for name and password, shows neither password nor token, and keeps the session for what follows', async () => {
    const { code, stdout, stderr, calls, run, stop } = await fila(
      ['login'],
      ({ route }) => ({
        status: route === 'POST /api/v1/sessions' ? 201 : 200,
        body: route.endsWith('/me') ? WHOAMI : SIGNED_IN,
      }),
      { typed: ['ana', 'quiet river lantern'] },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'user/ana signed in\n' });
    expect(calls[0]!.body).toEqual({
      client: 'fila (command line)',
      name: 'ana',
      password: 'quiet river lantern',
    });
    expect(stdout + stderr).not.toContain('quiet');
    expect(stdout + stderr).not.toContain(TOKEN);
    expect(sessions()).toHaveLength(1);
    const who = await run(['whoami', '--json'], {});
    expect(JSON.parse(who.stdout)).toEqual(WHOAMI);
    expect(calls.at(-1)!.headers.authorization).toBe(`Bearer ${TOKEN}`);
    await run(['logout'], {});
    expect(calls.at(-1)!.route).toBe('POST /api/v1/admin/me/sign-out');
    expect(sessions()).toEqual([]);
    expect((await run(['whoami'], {})).code).toBe(4);
    await stop();
  });

  it('asks for a code only when the broker does', async () => {
    const answer: Answer = ({ body }) =>
      (body as { code?: string }).code === '123456'
        ? { status: 201, body: SIGNED_IN }
        : problem(401, 'totp_required');
    const { code, calls, run, stop } = await fila(['login', 'ana'], answer, { typed: ['words', '123456'] });
    expect([code, calls.length]).toEqual([0, 2]);
    const piped = { stdin: 'words\n' };
    expect((await run(['login', 'ana', '--password-stdin'], piped)).code).toBe(4);
    expect((await run(['login', 'ana', '--password-stdin', '--code', '123456'], piped)).code).toBe(0);
    await stop();
  });

  it('says once that it was refused, and keeps nothing', async () => {
    for (const [status, name, exitCode, words] of [
      [401, 'unauthorized', 4, 'fila users reset-password ana'],
      [401, 'totp_required', 4, '--code'],
      [429, 'blocked', 6, 'limit'],
    ] as const) {
      const { code, stderr, calls, stop } = await fila(
        ['login', 'ana', '--password-stdin'],
        () => problem(status, name),
        { stdin: 'x\n' },
      );
      expect(stderr).toContain(words);
      expect(stderr).not.toContain('FILA_API_KEY');
      expect([code, calls.length]).toEqual([exitCode, 1]);
      expect(sessions()).toEqual([]);
      await stop();
    }
  });

  it('without a terminal needs --password-stdin', async () => {
    const { code, stderr, calls, stop } = await fila(['login', 'ana'], () => ({ body: SIGNED_IN }));
    expect([code, calls.length]).toEqual([2, 0]);
    expect(stderr).toContain('--password-stdin');
    await stop();
  });
});

describe('fila setup', () => {
  const answer: Answer = ({ route }) =>
    route.endsWith('/setup') ? { status: 201, body: ANA } : { status: 201, body: SIGNED_IN };
  const env = { FILA_TOKEN: 'the-admin-token' };

  it('asks for name and password twice, makes the super-admin and signs in', async () => {
    const typed = ['ana', 'quiet river lantern', 'quiet river lantern', 'n'];
    const { code, stderr, calls, stop } = await fila(['setup'], answer, { typed, env });
    expect(code).toBe(0);
    expect(calls.map(({ route }) => route)).toEqual(['POST /api/v1/admin/setup', 'POST /api/v1/sessions']);
    expect(calls[0]).toMatchObject({
      body: { name: 'ana', password: 'quiet river lantern' },
      headers: { authorization: 'Bearer the-admin-token' },
    });
    expect(stderr).not.toContain('quiet');
    expect(sessions()).toHaveLength(1);
    await stop();
  });

  it('refuses two that differ, before anything is sent', async () => {
    const { code, calls, stop } = await fila(['setup', '--name', 'ana'], answer, {
      typed: ['one', 'two'],
      env,
    });
    expect([code, calls.length]).toEqual([2, 0]);
    await stop();
  });

  it('without a terminal takes flags and stdin, and signs nobody in', async () => {
    const { code, calls, stop } = await fila(['setup', '--name', 'ana', '--password-stdin'], answer, {
      ...{ stdin: 'quiet river lantern\n', env },
    });
    expect([code, calls.length]).toEqual([0, 1]);
    expect(sessions()).toEqual([]);
    await stop();
  });
});

describe('fila totp enable', () => {
  it('shows a QR code and the URI, asks until the code is right, and prints the recovery codes', async () => {
    const uri = 'otpauth://totp/Fila:ana?secret=ABCDEFGH&issuer=Fila';
    const { code, stdout, stderr, stop } = await fila(
      ['totp', 'enable'],
      ({ route, body }) => {
        if (!route.endsWith('/confirm')) return { body: { secret: 'ABCDEFGH', uri } };
        const isRight = (body as { code: string }).code === '222222';
        return isRight ? { body: { codes: ['aaa-bbb', 'ccc-ddd'] } } : problem(422, 'validation_failed');
      },
      { typed: ['111111', '222 222'], env: { FILA_TOKEN: TOKEN } },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'aaa-bbb\nccc-ddd\n' });
    expect(stderr).toContain(uri);
    expect(stderr).toMatch(/[█▀▄]{8}/);
    expect(stderr).toContain('ABCD EFGH');
    await stop();
  });
});

describe('what is dangerous', () => {
  const asked = (): Answer => {
    let isProved = false;
    return ({ route }) => {
      if (route.endsWith('/step-up')) isProved = true;
      if (route.endsWith('/me')) return { body: WHOAMI };
      if (route.startsWith('DELETE') && !isProved) return problem(403, 'step_up_required');
      return { body: route.startsWith('GET') ? { items: [ANA], next_cursor: null } : ANA };
    };
  };
  const env = { FILA_TOKEN: TOKEN };

  it('asks for a fresh proof and goes on', async () => {
    const { code, stdout, calls, stop } = await fila(['users', 'remove', 'ana', '--yes'], asked(), {
      ...{ typed: ['quiet river lantern'], env },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'user/ana removed\n' });
    const proof = calls.find(({ route }) => route.endsWith('/step-up'))!;
    expect(proof.body).toEqual({ password: 'quiet river lantern' });
    await stop();
  });

  it('says what to do where nobody can be asked', async () => {
    const { code, stderr, stop } = await fila(['users', 'remove', 'ana', '--yes'], asked(), { env });
    expect(code).toBe(4);
    expect(stderr).toContain('fila login');
    await stop();
  });
});

describe('fila passwd', () => {
  it('sets a first password with the token of a file, without any session', async () => {
    const { code, calls, stop } = await fila(['passwd', '--reset', '--password-stdin'], () => ({
      body: ANA,
    }));
    expect([code, calls.length]).toEqual([2, 0]);
    await stop();
    const made = await fila(['passwd', '--reset'], () => ({ body: ANA }), {
      typed: ['fila_reset_x', 'quiet river lantern', 'quiet river lantern'],
    });
    expect(made.code).toBe(0);
    expect(made.calls[0]).toMatchObject({
      route: 'POST /api/v1/sessions/set-password',
      body: { reset_token: 'fila_reset_x', password: 'quiet river lantern' },
    });
    expect(made.calls[0]!.headers.authorization).toBeUndefined();
    await made.stop();
  });
});

describe('fila users create and fila service-tokens create', () => {
  const env = { FILA_TOKEN: 'the-admin-token' };

  it('print the token alone on stdout', async () => {
    const reset = { user: ANA, reset_token: 'fila_reset_y', expires_at: '2026-11-21T10:00:00.000Z' };
    const user = await fila(
      ['users', 'create', 'ana', '--role', 'viewer'],
      () => ({ status: 201, body: reset }),
      { env },
    );
    expect(user.stdout).toBe('fila_reset_y\n');
    expect(user.stderr).toContain('fila passwd --reset');
    await user.stop();
    const body = {
      ...{ id: 'svc_a', name: 'ci', scopes: ['keys.read'], token: 'fila_svc_z' },
      expires_at: '2026-12-20T10:00:00.000Z',
    };
    const words = [
      'service-tokens',
      'create',
      'ci',
      '--scope',
      'keys.read,plans.read',
      '--scope',
      'keys.read',
      '--expires',
      '30d',
    ];
    const token = await fila(words, () => ({ status: 201, body }), { env });
    expect(token.stdout).toBe('fila_svc_z\n');
    expect(token.calls[0]!.body).toEqual({
      ...{ name: 'ci', scopes: ['keys.read', 'plans.read'], expires_at: '2026-12-20T10:00:00.000Z' },
    });
    const out = join(dir, 'ci.token');
    const kept = await token.run([...words, '--out', out]);
    expect(kept.stdout).toBe('svc_a\n');
    expect(readFileSync(out, 'utf8')).toBe('fila_svc_z\n');
    expect((await token.run([...words, '--out', out])).code).toBe(6);
    await token.stop();
  });
});

describe('fila context', () => {
  const env = { FILA_URL: '' };

  it('adds, lists, uses and removes brokers by name', async () => {
    const run = (...words: string[]) =>
      runCli(['context', ...words], { env: { ...env, FILA_CONFIG_DIR: dir } });
    expect((await run('add', 'prod', 'https://fila.example/')).code).toBe(0);
    expect((await run('use', 'prod')).code).toBe(0);
    const rows = (await run('list')).stdout.split('\n');
    expect(rows.slice(0, 2)).toEqual([
      '\tlocal\thttp://127.0.0.1:7433\t',
      'yes\tprod\thttps://fila.example\t',
    ]);
    expect((await run('add', 'lab', 'http://lab:1', '--token-file', 'lab.token')).code).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, 'contexts.json'), 'utf8'))).toEqual({
      current: 'prod',
      contexts: {
        prod: { url: 'https://fila.example' },
        lab: { url: 'http://lab:1', tokenFile: resolve('lab.token') },
      },
    });
    expect((await run('use', 'nonsense')).code).toBe(5);
    expect((await run('add', 'local', 'http://a')).code).toBe(2);
    expect((await run('add', 'x', 'nonsense')).code).toBe(2);
    expect((await run('remove', 'prod')).code).toBe(0);
    expect((await run('list')).stdout).toMatch(/^yes\tlocal\t/);
  });
});
