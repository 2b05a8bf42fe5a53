import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '@fila/broker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../simulate-ollama/simulate-ollama.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { settingsFor } from './dev.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'fila-daemon-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

/** Nothing listens on port 1. */
const NO_OLLAMA = 'http://127.0.0.1:1';

function environment(ollamaUrl = NO_OLLAMA): Record<string, string> {
  return { FILA_DATA_DIR: dataDir, FILA_PORT: '0', FILA_LOG_LEVEL: 'silent', FILA_OLLAMA_URLS: ollamaUrl };
}

/** Runs `fila dev`, does something once it is ready, and stops it. */
async function dev(
  meanwhile: (text: string) => Promise<void> = async () => {},
  ollamaUrl?: string,
): Promise<CliRun> {
  let doing: Promise<void> | undefined;
  const run = await runCli(['dev'], {
    env: environment(ollamaUrl),
    onStdout: (text, signals) => {
      if (!doing && text.includes('Ready.')) doing = meanwhile(text).finally(() => signals.emit('SIGTERM'));
    },
  });
  await doing;
  return run;
}

const lineOf = (text: string, label: string) => new RegExp(`^ +${label} +(.*)$`, 'm').exec(text)?.[1] ?? '';

describe('fila dev', () => {
  it('without an Ollama says that it simulates one, and answers prompts at once', async () => {
    const run = await dev(async (text) => {
      expect(lineOf(text, 'Ollama')).toBe(
        `no Ollama at ${NO_OLLAMA}: using a SIMULATED one; its answers are made up`,
      );
      const sent = await runCli(['requests', 'send', 'Say hello', '--wait', '--json'], {
        env: environment(),
      });
      expect(sent.code).toBe(0);
      expect(JSON.parse(sent.stdout)).toMatchObject({ status: 'completed', model: 'llama3:8b' });
      const keys = await runCli(['keys', 'list'], { env: environment() });
      expect(keys.stdout).toMatch(/^key_\w+\tdev\tactive\t/);
    });
    expect(run).toMatchObject({ code: 0, exits: [] });
  });

  it('prints what can be pasted: the key, curl with the wish to wait, the SDK, the CLI', async () => {
    const { stdout } = await dev();
    const key = readFileSync(join(dataDir, 'dev.key'), 'utf8').trim();
    expect(lineOf(stdout, 'Key')).toBe(key);
    expect(stdout).toContain(
      `curl -s ${lineOf(stdout, 'API')}/api/v1/requests \\\n  -H 'Authorization: Bearer ${key}'`,
    );
    expect(stdout).toContain("-H 'Prefer: wait=30'");
    expect(stdout).toContain("import { Fila } from '@fila/sdk';");
    expect(stdout).toContain(`FILA_DATA_DIR=${dataDir} fila requests send`);
  });

  it('keeps its key for the next start', async () => {
    const first = lineOf((await dev()).stdout, 'Key');
    expect(first).toMatch(/^fila_live_/);
    expect(lineOf((await dev()).stdout, 'Key')).toBe(first);
  });

  it('with an Ollama that lacks the default model uses the first it has, and says so', async () => {
    const ollama = await startSimulatedOllama({ models: [{ name: 'qwen3:8b' }] });
    try {
      const { stdout } = await dev(async () => {
        const sent = await runCli(['requests', 'send', 'hi', '--wait', '--json'], {
          env: environment(ollama.url),
        });
        expect(JSON.parse(sent.stdout)).toMatchObject({ status: 'completed', model: 'qwen3:8b' });
      }, ollama.url);
      expect(lineOf(stdout, 'Ollama')).toBe(ollama.url);
      expect(lineOf(stdout, 'Model')).toBe(
        'qwen3:8b  (the first installed one, because llama3:8b is not installed)',
      );
      expect(stdout).not.toContain('SIMULATED');
    } finally {
      await ollama.stop();
    }
  });
});

describe('the settings of fila dev', () => {
  const ollama = { url: 'http://127.0.0.1:2', askedUrl: NO_OLLAMA, model: 'm', isSimulated: true };

  it.each([
    [{}, 'warn'],
    [{ FILA_LOG_LEVEL: 'info' }, 'info'],
  ])('log warnings unless told otherwise (%j: %s)', (env, logLevel) => {
    expect(settingsFor(loadSettings({ env }), ollama)).toMatchObject({ logLevel, defaultModel: 'm' });
  });

  it('name the simulated Ollama alone, or leave the real ones as they were given', () => {
    const loaded = loadSettings({ env: { FILA_OLLAMA_URLS: 'http://a:1#slots=2,http://b:1' } });
    expect(settingsFor(loaded, ollama).ollamaUrls).toEqual([{ url: 'http://127.0.0.1:2', slots: 4 }]);
    expect(settingsFor(loaded, { ...ollama, isSimulated: false }).ollamaUrls).toEqual(
      loaded.settings.ollamaUrls,
    );
  });
});

describe('fila serve', () => {
  it('runs until a signal, tells the CLI where it is meanwhile, and ends with 0', async () => {
    const { code } = await runCli(['serve'], {
      env: environment(),
      columns: 80,
      onStderr: (text, signals) => {
        const [, url] = /Fila listens on (\S+)\. /.exec(text) ?? [];
        if (!url || text.includes('Stopping')) return;
        expect(JSON.parse(readFileSync(join(dataDir, 'daemon.json'), 'utf8'))).toMatchObject({ url });
        signals.emit('SIGTERM');
      },
    });
    expect(code).toBe(0);
    expect(() => readFileSync(join(dataDir, 'daemon.json'))).toThrow('ENOENT');
  });

  it('on a port that is taken ends with 1 and says which to take instead', async () => {
    const server: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as AddressInfo;
    try {
      const { code, stderr } = await runCli(['serve', '--port', String(port)], { env: environment() });
      expect(code).toBe(1);
      expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
      expect(stderr).toContain(`fila serve --port ${port + 1}`);
    } finally {
      server.close();
    }
  });

  it('in the folder of another daemon ends with 1 and names the folder', async () => {
    await dev(async () => {
      const { code, stderr } = await runCli(['serve'], { env: environment() });
      expect(code).toBe(1);
      expect(stderr).toContain(dataDir);
    });
  });
});

it('fila migrate says what it would do, does it, and finds nothing more to do', async () => {
  const migrate = async (...words: string[]) =>
    (await runCli(['migrate', ...words], { env: environment() })).stdout;
  expect(await migrate('--dry-run')).toMatch(/^0001\S+\tpending\n/);
  expect(await migrate()).toMatch(/^0001\S+\tapplied\n/);
  expect(await migrate()).toMatch(/^0001\S+\talready\n/);
});
