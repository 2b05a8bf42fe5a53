/** People through the real CLI against a real daemon: the first super-admin at a terminal, roles, and what a role ends. */
import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CLI, daemonEnvironment, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';
import { openTerminal, type Terminal } from '../helpers/terminal.ts';
import { tmuxAvailable } from '../services/need.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PASSWORD = 'tangled-otter-bicycle-9';
const BIAS = 'seven-kettles-on-a-hill';

const textOf = (terminal: Terminal): string => terminal.screen().join('\n');

describe.each(ENGINE_SETS)('people on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable || !tmuxAvailable)('with its engines', () => {
    let daemon: Daemon;
    /** Another broker on the same engines, where they can be shared. */
    let other: Daemon | undefined;
    let codes: string[] = [];
    const configOf = (who: string): string => join(daemon.dataDir, `config-of-${who}`);

    /** Each person has a home of their own; nobody but `root` finds the daemon's own folder. */
    function environmentOf(who: string): NodeJS.ProcessEnv {
      const dataDir = who === 'root' ? daemon.dataDir : '/nonexistent/fila';
      return daemonEnvironment(dataDir, {
        ...{ FILA_CONFIG_DIR: configOf(who), FILA_URL: daemon.url, NO_COLOR: '1' },
      });
    }
    function fila(who: string, words: readonly string[], input = ''): Promise<Ended> {
      return new Promise((resolve) => {
        const options = { env: environmentOf(who) };
        const child = execFile(process.execPath, [CLI, ...words], options, (error, stdout, stderr) =>
          resolve({ code: error ? Number(child.exitCode) : 0, stdout, stderr }),
        );
        child.stdin?.end(input);
      });
    }
    /** Tall enough for all that is said until the end, and wide enough for an address without a break. */
    function atTerminal(who: string, words: readonly string[]): Terminal {
      const terminal = openTerminal({
        ...{ columns: 200, rows: 120, command: [process.execPath, CLI, ...words] },
        environment: { ...environmentOf(who), LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' },
      });
      onTestFinished(() => terminal.close());
      return terminal;
    }
    async function sessionOf(who: string): Promise<{ token: string }> {
      const folder = join(configOf(who), 'sessions');
      const [file] = await readdir(folder);
      return JSON.parse(await readFile(join(folder, file!), 'utf8')) as { token: string };
    }
    const whoIs = async (who: string): Promise<{ name: string; role: string; kind: string }> =>
      JSON.parse((await fila(who, ['whoami', '--json'])).stdout);

    beforeAll(async () => {
      const engines = await environment();
      daemon = await startDaemon(engines);
      if (engines['FILA_DATABASE_URL']) other = await startDaemon(engines);
    });
    afterAll(async () => {
      await other?.stop();
      expect(await daemon.stop()).toBe(0);
    });

    it('before anybody is set up the admin token is who calls', async () => {
      expect(await whoIs('root')).toMatchObject({ kind: 'admin_token', role: 'super-admin' });
      expect((await fila('ana', ['keys', 'list'])).code).toBe(4);
    });

    it('fila setup asks at a terminal, signs in, and switches the second factor on', async () => {
      const terminal = atTerminal('root', ['setup']);
      await terminal.answer(/Name .*:/, 'ana');
      await terminal.answer(/New password .*:/, PASSWORD);
      await terminal.answer(/Once more:/, PASSWORD);
      await terminal.answer(/second factor on now.*\]/, 'y');
      await terminal.answer(/Code that it shows now:/, 'x');
      const [, secret] = /secret=([A-Z2-7]+)/.exec(textOf(terminal))!;
      await terminal.answer(/Code that it shows now:/, generateSync({ secret: secret! }));
      expect(await terminal.exitCode()).toBe(0);
      codes = textOf(terminal).match(/^[0-9a-z]{6}(-[0-9a-z]{6}){3}/gm)!;
      expect(codes).toHaveLength(10);
      expect(textOf(terminal)).not.toContain(PASSWORD);
      expect(textOf(terminal)).toMatch(/[█▀▄]{10}/);
      const [file] = await readdir(join(configOf('root'), 'sessions'));
      const { mode } = await stat(join(configOf('root'), 'sessions', file!));
      expect((mode & 0o777).toString(8)).toBe('600');
      expect(await whoIs('root')).toMatchObject({ kind: 'user', name: 'ana', role: 'super-admin' });
    });

    it('a second first super-admin is refused', async () => {
      expect((await fila('root', ['logout'])).code).toBe(0);
      const { code } = await fila('root', ['setup', '--name', 'eve', '--password-stdin'], `${PASSWORD}\n`);
      expect(code).toBe(6);
    });

    it('fila login asks for the password and then for the second factor', async () => {
      const wrong = atTerminal('ana', ['login', 'ana']);
      await wrong.answer(/Password:/, 'not this one');
      expect(await wrong.exitCode()).toBe(4);
      const terminal = atTerminal('ana', ['login']);
      await terminal.answer(/Name:/, 'ana');
      await terminal.answer(/Password:/, PASSWORD);
      await terminal.answer(/recovery code:/, codes[0]!);
      expect(await terminal.exitCode()).toBe(0);
      expect(textOf(terminal)).toContain('user/ana signed in');
      expect(textOf(terminal)).not.toContain(PASSWORD);
      expect((await fila('ana', ['keys', 'list'])).code).toBe(0);
    });

    it('a person who is added sets their own password, and may do what the role allows', async () => {
      const created = await fila('ana', ['users', 'create', 'bia', '--role', 'operator']);
      expect(created.stdout).toMatch(/^fila_reset_\w{43}\n$/);
      const terminal = atTerminal('bia', ['passwd', '--reset']);
      await terminal.answer(/Reset token .*:/, created.stdout.trim());
      await terminal.answer(/New password .*:/, BIAS);
      await terminal.answer(/Once more:/, BIAS);
      expect(await terminal.exitCode()).toBe(0);
      expect((await fila('bia', ['login', 'bia', '--password-stdin'], `${BIAS}\n`)).code).toBe(0);
      expect((await fila('bia', ['dlq', 'list'])).code).toBe(0);
      const refused = await fila('bia', ['keys', 'create', '--name', 'shop']);
      expect(refused.code).toBe(4);
      expect(refused.stderr).toContain('This needs keys.write');
      expect((await fila('bia', ['users', 'list'])).code).toBe(4);
    });

    it('a service token does what its scopes name and no more', async () => {
      const words = ['service-tokens', 'create', 'ci', '--scope', 'keys.read', '--expires', '1d'];
      const { stdout } = await fila('ana', words);
      const call = async (method: string, path: string): Promise<number> => {
        const headers = { authorization: `Bearer ${stdout.trim()}`, 'content-type': 'application/json' };
        const body = method === 'POST' ? '{"name":"shop"}' : undefined;
        return (await fetch(`${daemon.url}/api/v1/admin/${path}`, { method, headers, body })).status;
      };
      expect(await call('GET', 'api-keys')).toBe(200);
      expect(await call('POST', 'api-keys')).toBe(403);
      expect(await call('GET', 'users')).toBe(403);
    });

    it('who is suspended is out at once, on every broker, and the last super-admin stays', async () => {
      expect((await fila('bia', ['whoami'])).code).toBe(0);
      const { token } = await sessionOf('bia');
      const elsewhere = async (): Promise<number> => {
        const headers = { authorization: `Bearer ${token}` };
        return (await fetch(`${(other ?? daemon).url}/api/v1/admin/me`, { headers })).status;
      };
      expect(await elsewhere()).toBe(200);
      expect((await fila('ana', ['users', 'suspend', 'bia'])).stdout).toBe('user/bia suspended\n');
      expect((await fila('bia', ['whoami'])).code).toBe(4);
      await vi.waitFor(async () => expect(await elsewhere()).toBe(401), { timeout: 5_000 });
      expect((await fila('bia', ['login', 'bia', '--password-stdin'], `${BIAS}\n`)).code).toBe(4);
      for (const words of [
        ['suspend', 'ana'],
        ['set', 'ana', '--role', 'admin'],
        ['remove', 'ana', '--yes'],
      ])
        expect((await fila('ana', ['users', ...words])).code, words[0]).toBe(6);
    });

    it('no password, token or code is in the log', async () => {
      const session = await sessionOf('ana');
      for (const secret of [PASSWORD, BIAS, session.token, ...codes])
        expect(daemon.log()).not.toContain(secret);
    });

    it('no admin route of the contract answers a stranger', async () => {
      const { paths } = JSON.parse(await readFile('packages/php-bridge-spec/openapi.json', 'utf8')) as {
        paths: Record<string, Record<string, { tags?: string[] }>>;
      };
      let asked = 0;
      for (const [path, operations] of Object.entries(paths))
        for (const [method, { tags }] of Object.entries(operations)) {
          if (!tags?.includes('admin')) continue;
          asked += 1;
          const url = daemon.url + path.replaceAll(/\{\w+\}/g, 'x');
          const { status } = await fetch(url, { method: method.toUpperCase() });
          // So many strangers block their address.
          expect([401, 429], `${method} ${path}`).toContain(status);
        }
      expect(asked).toBeGreaterThan(50);
    });
  });
});
