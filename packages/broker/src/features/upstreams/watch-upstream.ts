/** Watches one Ollama server: whether it is up, and what it has installed. */
import type { Clock } from '../../kernel/clock.ts';
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { modelKey } from './model-names.ts';
import { createOllamaClient, type OllamaClient, type OllamaClientOptions } from './ollama-client.ts';

export interface Health {
  readonly status: 'unknown' | 'up' | 'down';
  /** Names of the installed models, as Ollama lists them. */
  readonly models: readonly string[];
  readonly version?: string;
  /** Why it is down. */
  readonly lastError?: string;
  /** When a probe last ended, in milliseconds since 1970. */
  readonly checkedAt?: number;
}

/** `start` resolves after the first probe, whatever came of it. */
export interface WatchedUpstream extends Service {
  /** host:port */
  readonly id: string;
  readonly client: OllamaClient;
  health(): Health;
  /** Whether a model of this key is installed and runs on the server itself. */
  has(key: string): boolean;
  /** Whether the server would pass calls for this key on to another one. */
  passesOn(key: string): boolean;
  /** A real call found nobody there. The next probe decides when it is up again. */
  markDown(reason: string): void;
  /** A real call lost its connection: probes at the next tick. */
  suspect(): void;
}

export interface WatchDeps {
  readonly settings: { readonly url: string };
  readonly logger: Logger;
  readonly clock: Clock;
  readonly probeMs?: number;
  readonly client?: OllamaClientOptions;
  readonly onUp: () => void;
}

const PROBE_MS = 5_000;
const PROBE_TIMEOUT_MS = 2_000;
/** A server that is down is probed so many times as often. */
const HASTE_WHILE_DOWN = 5;

export function watchUpstream(deps: WatchDeps): WatchedUpstream {
  const { settings, logger, clock, probeMs = PROBE_MS, onUp } = deps;
  const id = hostAndPort(settings.url);
  const client = createOllamaClient(settings.url, deps.client);
  let health: Health = { status: 'unknown', models: [] };
  let local: ReadonlySet<string> = new Set();
  let remote: ReadonlySet<string> = new Set();
  let current: AbortController | undefined;
  let isStopped = true;
  let ticks = 0;

  async function probe(): Promise<void> {
    const controller = new AbortController();
    current = controller;
    const timer = setTimeout(() => controller.abort(), PROBE_TIMEOUT_MS);
    try {
      const { signal } = controller;
      const [version, installed] = await Promise.all([client.version(signal), client.installed(signal)]);
      local = keys(installed.filter(({ remoteHost }) => remoteHost === undefined));
      remote = keys(installed.filter(({ remoteHost }) => remoteHost !== undefined));
      becomeUp({ version, models: installed.map(({ name }) => name) });
    } catch (error) {
      if (!isStopped) becomeDown((error as Error).message, clock.now());
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  function becomeUp(seen: { version: string; models: string[] }): void {
    const wasUp = health.status === 'up';
    health = { status: 'up', ...seen, checkedAt: clock.now() };
    if (wasUp) return;
    logger.info({ upstream: id, version: seen.version, models: seen.models.length }, 'upstream is up');
    onUp();
  }

  function becomeDown(lastError: string, checkedAt: number | undefined): void {
    const wasDown = health.status === 'down';
    health = { ...health, status: 'down', lastError, checkedAt };
    if (!wasDown) logger.warn({ upstream: id, reason: lastError }, 'upstream is down');
  }

  const ticker = every(
    `probe ${id}`,
    probeMs / HASTE_WHILE_DOWN,
    async () => {
      ticks += 1;
      if (health.status === 'up' && ticks < HASTE_WHILE_DOWN) return;
      ticks = 0;
      await probe();
    },
    (error) => logger.error({ upstream: id, error }, 'a probe broke'),
  );

  return {
    name: `upstream ${id}`,
    id,
    client,
    health: () => health,
    has: (key) => local.has(key),
    passesOn: (key) => remote.has(key),
    markDown: (reason) => {
      if (!isStopped) becomeDown(reason, health.checkedAt);
    },
    suspect: () => {
      ticks = HASTE_WHILE_DOWN;
    },
    start: async () => {
      if (!isStopped) return;
      isStopped = false;
      await probe();
      if (!isStopped) await ticker.start();
    },
    stop: async () => {
      isStopped = true;
      current?.abort();
      await ticker.stop();
      await client.close();
      health = { status: 'unknown', models: health.models };
    },
  };
}

function keys(models: readonly { readonly name: string }[]): Set<string> {
  return new Set(models.map(({ name }) => modelKey(name)));
}

function hostAndPort(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}
