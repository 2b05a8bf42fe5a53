/** Live settings as operators meet them: through HTTP, the SDK and the commands, on one broker and on two. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fila, type SettingVersion } from '@fila/sdk';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { checkedFetch } from '../helpers/checked-fetch.ts';
import { CLI, daemonEnvironment, newDataDir, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { ENGINE_SETS } from '../helpers/engine-sets.ts';

const run = promisify(execFile);
/** What is promised is a second; the rest is for a busy machine. */
const SOON = { timeout: 5_000, interval: 50 };

describe.each(ENGINE_SETS)('on $name', ({ isAvailable, environment }) => {
  describe.skipIf(!isAvailable)('live settings', () => {
    let ollama: SimulatedOllama;
    let settings: Record<string, string>;
    let folders: string[];
    let daemons: Daemon[];
    let key: string;
    let keyId: string;

    beforeAll(async () => {
      ollama = await startSimulatedOllama({ slots: 4 });
      const engines = await environment();
      settings = { ...engines, FILA_OLLAMA_URLS: `${ollama.url}#slots=4`, FILA_MAX_ATTEMPTS: '1' };
      // Several brokers only where they share their engines.
      const count = 'FILA_REDIS_URL' in engines ? 2 : 1;
      folders = await Promise.all(Array.from({ length: count }, () => newDataDir()));
      daemons = [];
      for (const folder of folders) daemons.push(await startDaemon(settings, folder));
      ({ key, id: keyId } = await admin().keys.create({ name: 'shop' }));
    });
    afterAll(async () => {
      for (const daemon of daemons) expect(await daemon.stop()).toBe(0);
      await ollama.stop();
    });

    const last = (): number => daemons.length - 1;
    const admin = (n = 0): Fila =>
      new Fila({ url: daemons[n]!.url, adminToken: daemons[n]!.adminToken, fetch: checkedFetch });
    const client = (n = 0): Fila =>
      new Fila({ url: daemons[n]!.url, apiKey: key, fetch: checkedFetch, maxRetries: 0 });
    const modelAt = async (n: number): Promise<string> =>
      (await client(n).requests.create({ prompt: 'Hello' })).model;
    const everywhere = (look: (n: number) => Promise<void>): Promise<void[]> =>
      Promise.all(daemons.map((_, n) => vi.waitFor(() => look(n), SOON)));

    it('are in force at once where they were set and soon on every broker, also after a restart', async () => {
      await admin().settings.set('defaultModel', { value: 'gemma2:2b', reason: 'the other is slow' });
      expect(await modelAt(0)).toBe('gemma2:2b');
      await everywhere(async (n) => expect(await modelAt(n)).toBe('gemma2:2b'));
      expect(await daemons[last()]!.stop()).toBe(0);
      daemons[last()] = await startDaemon(settings, folders[last()]!);
      expect(await modelAt(last())).toBe('gemma2:2b');
      expect(await admin(last()).settings.get('defaultModel')).toMatchObject({
        ...{ value: 'gemma2:2b', source: 'database', start_value: 'llama3:8b', start_source: 'default' },
      });
      await admin().settings.unset('defaultModel');
      await everywhere(async (n) => expect(await modelAt(n)).toBe('llama3:8b'));
    });

    it('limit calls, decide on attempts and on waiting from then on', async () => {
      await admin().settings.set('readLimitMinute', { value: 1 });
      await everywhere(async (n) => {
        const reads = async () => {
          for (let i = 0; i < 3; i++) await client(n).requests.list().page();
        };
        await expect(reads()).rejects.toMatchObject({ name: 'RateLimited' });
      });
      await admin().settings.unset('readLimitMinute');
      await everywhere(async (n) => {
        for (let i = 0; i < 3; i++) await client(n).requests.list().page();
      });
      for (const [name, value] of [
        ['retryBaseMs', 1],
        ['maxAttempts', 3],
      ] as const)
        await admin().settings.set(name, { value });
      await everywhere(async (n) => {
        const { id } = await client(n).requests.create({ prompt: '[[fault:error_500]]' });
        const ended = await client(n).requests.wait(id);
        expect([ended.status, ended.attempts]).toEqual(['failed', 3]);
      });
      await admin().settings.restore(0);
    });

    it('say from then on which lines are logged', async () => {
      await admin().settings.set('logLevel', { value: 'error' });
      await everywhere(async (n) => expect((await admin(n).settings.get('logLevel')).value).toBe('error'));
      const { id } = await admin().keys.create({ name: 'quiet' });
      await admin().settings.set('logLevel', { value: 'info' });
      await admin().keys.suspend(id);
      const told = (): string[] =>
        daemons[0]!
          .log()
          .split('\n')
          .filter((line) => line.includes(id));
      await vi.waitFor(() => expect(told().join()).toContain('key changed'), SOON);
      expect(told().join()).not.toContain('key created');
      await admin().settings.unset('logLevel');
    });

    it('count what there is already when a limit of all requests begins', async () => {
      const later = { prompt: 'Hello', run_at: '2099-01-01T00:00:00Z' };
      const sent = await Promise.all([0, 1, 2].map(() => client().requests.create(later)));
      await admin().settings.set('maxQueued', { value: 4 });
      for (const n of daemons.keys())
        await vi.waitFor(
          async () => {
            const { limits } = await admin(n).limits.explain({ key: keyId });
            expect(limits.find(({ name }) => name === 'queue')).toMatchObject({ limit: 4, used: 3 });
          },
          { timeout: 20_000, interval: 100 },
        );
      sent.push(await client().requests.create(later));
      for (const n of daemons.keys())
        await expect(client(n).requests.create(later)).rejects.toMatchObject({ code: 'queue_full' });
      await admin().settings.unset('maxQueued');
      for (const { id } of sent) await client().requests.cancel(id);
    });

    it('are refused with a sentence when they are wrong, unknown or read at the start only', async () => {
      const setting = (name: string, value: string | number) => admin().settings.set(name, { value });
      await expect(setting('maxQueued', 'many')).rejects.toMatchObject({
        ...{ name: 'InvalidRequest', code: 'validation_failed', errors: [{ pointer: '/value' }] },
        message: expect.stringContaining('maxQueued must be a whole number from 0 to 1000000000') as string,
      });
      await expect(setting('port', 80)).rejects.toMatchObject({
        ...{ name: 'Conflict' },
        message: expect.stringContaining('set FILA_PORT and start the daemon again') as string,
      });
      await expect(setting('maxQueue', 80)).rejects.toMatchObject({ name: 'NotFound' });
      const answer = await checkedFetch(`${daemons[0]!.url}/api/v1/admin/settings`, {
        headers: { authorization: `Bearer ${daemons[0]!.adminToken}` },
      });
      expect(await answer.text()).not.toContain(daemons[0]!.adminToken);
    });

    it('have versions to go back to, and each act stands in the audit trail', async () => {
      const { settings: room, audit } = admin();
      const { version: before } = await room.list();
      await room.set('ageingMs', { value: 0, reason: 'first come, first served' });
      await room.set('targetWaitMs', { value: 9_000 });
      const restored = await admin(last()).settings.restore(before + 1);
      expect(restored).toMatchObject({
        ...{
          version: before + 3,
          act: 'restore',
          restored_version: before + 1,
          overrides: { ageingMs: '0' },
        },
        changes: [{ name: 'targetWaitMs', before: '9000', after: null }],
      });
      const versions: SettingVersion[] = [];
      for await (const one of room.versions({ limit: 2 })) versions.push(one);
      expect(versions.map(({ version }) => version)).toEqual(
        Array.from({ length: before + 3 }, (_, n) => before + 3 - n),
      );
      expect(versions[2]).toMatchObject({
        ...{ act: 'set', reason: 'first come, first served', actor: { kind: 'admin_token' } },
        changes: [{ name: 'ageingMs', before: null, after: '0' }],
      });
      await everywhere(async (n) =>
        expect((await admin(n).settings.get('targetWaitMs')).source).toBe('default'),
      );
      const acts = (await audit.list({ act: 'settings', limit: 3 }).page()).items;
      expect(acts.map(({ act, target, outcome }) => [act, target.id, outcome])).toEqual([
        ['settings.restore', String(before + 3), 'done'],
        ['settings.set', 'targetWaitMs', 'done'],
        ['settings.set', 'ageingMs', 'done'],
      ]);
      expect(acts[2]).toMatchObject({ changed: ['override'], reason: 'first come, first served' });
      expect((await audit.verify()).status).toBe('intact');
      await room.restore(0);
    });

    it('from the terminal: look, change, compare, go back', async () => {
      const env = daemonEnvironment(daemons[0]!.dataDir, {
        ...{ FILA_URL: daemons[0]!.url, FILA_TOKEN: daemons[0]!.adminToken },
      });
      const fila = async (...words: string[]) =>
        (await run(process.execPath, [CLI, 'settings', ...words], { env })).stdout;
      expect(await fila('set', 'maxTokens', '99', '--why', 'short answers')).toContain('value\t99\n');
      const [version] = (await fila('history', '-o', 'name', '--limit', '1')).split('\n');
      expect(await fila('history', '--limit', '1')).toMatch(
        /\tset\tmaxTokens as started → 99\tshort answers\n/,
      );
      expect(await fila('list', '--live')).toContain('maxTokens\t99\tdatabase\tlive\ttokens\n');
      expect(await fila('diff')).toMatch(/^maxTokens\t4096\t99\tdatabase$/m);
      expect(await fila('unset', 'maxTokens')).toBe('setting/maxTokens is 4096 again\n');
      expect(await fila('diff', version!)).toBe('maxTokens\t99\t\n');
      expect(await fila('restore', version!)).toContain(`act\trestore ${version}\n`);
      expect(await fila('get', 'maxTokens')).toContain('value\t99\n');
      const wrong = fila('set', 'maxTokens', 'few');
      await expect(wrong).rejects.toMatchObject({
        ...{ code: 2, stderr: expect.stringContaining('maxTokens must be a whole number') as string },
      });
      await expect(fila('set', 'port', '80')).rejects.toMatchObject({ code: 6 });
      await fila('restore', '0');
    });
  });
});
