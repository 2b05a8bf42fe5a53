/** Watches one Ollama server: whether it is up, and what it has installed. */
import type { Clock } from '../../kernel/clock.ts';
import { every } from '../../kernel/every.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { modelKey } from './model-names.ts';
import { createOllamaClient, type OllamaClient, type OllamaClientOptions } from './ollama-client.ts';
import type { InstalledModel, ResidentModel } from './ollama-queries.ts';

export interface Health {
  readonly status: 'unknown' | 'up' | 'down';
  /** Names of the installed models, as Ollama lists them. */
  readonly models: readonly string[];
  readonly version?: string;
  /** Why it is down. */
  readonly lastError?: string;
  /** When a probe last ended, in milliseconds since 1970. */
  readonly checkedAt?: number;
  /** When `status` last changed, in milliseconds since 1970. */
  readonly since?: number;
}

/** `start` resolves after the first probe, whatever came of it. */
export interface WatchedUpstream extends Service {
  /** host:port */
  readonly id: string;
  readonly client: OllamaClient;
  health(): Health;
  /** As they were when last asked; empty while it is down. */
  known(): { installed: readonly InstalledModel[]; resident: readonly ResidentModel[] };
  /** Whether a model of this key is installed and runs on the server itself. */
  has(key: string): boolean;
  /** Whether the server would pass calls for this key on to another one. */
  passesOn(key: string): boolean;
  /** Asks which models are loaded, apart from the probes; null when there is no answer. */
  askResident(): Promise<string[] | null>;
  /** A real call hears from the server: a probe that is slow at this time is no sign of anything. */
  sawLife(): void;
  /** A real call found nobody there. The next probe decides when it is up again. */
  markDown(reason: string): void;
  /** A real call lost its connection: probes at the next tick. */
  suspect(): void;
  /** Probes now; resolves when it is known what came of it. */
  look(): Promise<void>;
}

export interface WatchDeps {
  readonly settings: { readonly url: string };
  readonly logger: Logger;
  readonly clock: Clock;
  readonly probeMs?: number;
  readonly client?: OllamaClientOptions;
  /** Which models are loaded, by their keys, asked at that time. */
  readonly onResident: (keys: readonly string[], askedAtMs: number) => void;
  /** `isBack`: it had been up before. */
  readonly onUp: (isBack: boolean) => void;
}

const NOTHING = { installed: [], resident: [] };
const PROBE_MS = 5_000;
const PROBE_TIMEOUT_MS = 2_000;
/** A server that is down is probed so many times as often. */
const HASTE_WHILE_DOWN = 5;

export function watchUpstream(deps: WatchDeps): WatchedUpstream {
  const { settings, logger, clock, probeMs = PROBE_MS, onUp, onResident } = deps;
  const id = hostAndPort(settings.url);
  const client = createOllamaClient(settings.url, deps.client);
  let health: Health = { status: 'unknown', models: [] };
  let local: ReadonlySet<string> = new Set();
  let remote: ReadonlySet<string> = new Set();
  let facts: ReturnType<WatchedUpstream['known']> = NOTHING;
  let wasEverUp = false;
  /** Of the last sign of life in a real call, in milliseconds since 1970. */
  let lifeAt = 0;
  let current: AbortController | undefined;
  let isStopped = true;
  let ticks = 0;

  async function probe(): Promise<void> {
    const controller = new AbortController();
    const startedAt = clock.now();
    current = controller;
    const timer = setTimeout(() => controller.abort(), PROBE_TIMEOUT_MS);
    try {
      await failpoint('upstream.probe');
      const { signal } = controller;
      const [version, installed, loaded] = await Promise.all([
        client.version(signal),
        client.installed(signal),
        // Only a hint for the choice; whether the server is well does not depend on it.
        client.resident(signal).catch(() => null),
      ]);
      local = keys(installed.filter(({ remoteHost }) => remoteHost === undefined));
      remote = keys(installed.filter(({ remoteHost }) => remoteHost !== undefined));
      facts = { installed, resident: loaded ?? [] };
      if (loaded) onResident([...keys(loaded)], startedAt);
      becomeUp({ version, models: installed.map(({ name }) => name) });
    } catch (error) {
      if (isStopped) return;
      const isOnlySlow = controller.signal.aborted && lifeAt >= startedAt;
      if (health.status === 'up' && isOnlySlow) health = { ...health, checkedAt: clock.now() };
      else becomeDown((error as Error).message, clock.now());
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  function becomeUp(seen: { version: string; models: string[] }): void {
    const wasUp = health.status === 'up';
    const now = clock.now();
    health = { status: 'up', ...seen, checkedAt: now, since: wasUp ? health.since : now };
    if (wasUp) return;
    logger.info({ upstream: id, version: seen.version, models: seen.models.length }, 'upstream is up');
    onUp(wasEverUp);
    wasEverUp = true;
  }

  function becomeDown(lastError: string, checkedAt: number | undefined): void {
    const wasDown = health.status === 'down';
    health = {
      ...health,
      ...{ status: 'down', lastError, checkedAt },
      since: wasDown ? health.since : clock.now(),
    };
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
    known: () => (health.status === 'up' ? facts : NOTHING),
    has: (key) => local.has(key),
    passesOn: (key) => remote.has(key),
    askResident: async () => {
      const loaded = await client.resident(AbortSignal.timeout(PROBE_TIMEOUT_MS)).catch(() => null);
      if (loaded) facts = { ...facts, resident: loaded };
      return loaded && [...keys(loaded)];
    },
    sawLife: () => {
      lifeAt = clock.now();
    },
    markDown: (reason) => {
      if (!isStopped) becomeDown(reason, health.checkedAt);
    },
    suspect: () => {
      ticks = HASTE_WHILE_DOWN;
    },
    look: async () => {
      if (!isStopped) await probe();
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
      wasEverUp = false;
    },
  };
}

function keys(models: readonly { readonly name: string }[]): Set<string> {
  return new Set(models.map(({ name }) => modelKey(name)));
}

export function hostAndPort(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}
