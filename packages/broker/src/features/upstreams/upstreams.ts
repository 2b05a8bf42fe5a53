/** The Ollama servers: which are known, how they are, and who may call them now. */
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { chooseUpstream, freeSlots, type Candidate } from './choose-upstream.ts';
import { isCloudModel, modelKey } from './model-names.ts';
import type { CallOptions, CallOutcome, ModelCall, OllamaClientOptions } from './ollama-client.ts';
import { failure } from './ollama-errors.ts';
import { watchUpstream, type Health } from './watch-upstream.ts';

export { isCloudModel } from './model-names.ts';
export type * from './ollama-client.ts';

export interface UpstreamSettings {
  readonly url: string;
  /** Calls of one model the server carries at once. */
  readonly slots: number;
}

export interface UpstreamState extends Health {
  /** host:port */
  readonly id: string;
  readonly url: string;
  readonly slots: number;
  /** Slots taken, for all models. */
  readonly running: number;
}

/** The right to have one call at a time under way at one upstream. */
export interface Slot {
  readonly upstream: string;
  run(call: ModelCall, options: CallOptions): Promise<CallOutcome>;
  /** May be called twice. While a call is under way, the slot is freed when that has ended. */
  release(): void;
}

export interface Upstreams extends Service {
  /** How many calls of this model could start now; 0 when every upstream is down. */
  free(model: string): number;
  /** Reserves a slot for a model at the best upstream, or null. */
  take(model: string): Slot | null;
  /** Told when a slot was freed or an upstream came up. The answer ends the telling. */
  onFree(listener: () => void): () => void;
  states(): UpstreamState[];
}

export interface UpstreamsDeps {
  readonly upstreams: readonly UpstreamSettings[];
  readonly allowCloudModels: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Time between probes of an upstream that is up; one that is down is probed five times as often. */
  readonly probeMs?: number;
  readonly client?: OllamaClientOptions;
}

const CLOUD_REFUSED: CallOutcome = {
  ...failure('model_not_allowed', 'The model runs outside this house, which is not allowed here.'),
  phase: 'connect',
};

export function createUpstreams(deps: UpstreamsDeps): Upstreams {
  const { allowCloudModels } = deps;
  const listeners = new Set<() => void>();
  const servers = deps.upstreams.map((settings) => {
    const watched = watchUpstream({ ...deps, settings, onUp: tellFree });
    return { ...settings, watched, runningAll: 0, running: new Map<string, number>() };
  });
  type Server = (typeof servers)[number];
  let turn = 0;

  function tellFree(): void {
    for (const listener of listeners) listener();
  }

  function candidates(key: string): Candidate[] {
    return servers.map(({ watched, slots, running, runningAll }) => ({
      isUp: watched.health().status === 'up',
      hasModel: watched.has(key) || (allowCloudModels && watched.passesOn(key)),
      slots,
      running: running.get(key) ?? 0,
      runningAll,
    }));
  }

  /** Also when only another server passes the model on: then "not allowed" is the truer answer than "not found". */
  function isRefused(server: Server, model: string): boolean {
    if (allowCloudModels) return false;
    const key = modelKey(model);
    if (isCloudModel(model) || server.watched.passesOn(key)) return true;
    return !server.watched.has(key) && servers.some(({ watched }) => watched.passesOn(key));
  }

  async function run(server: Server, call: ModelCall, options: CallOptions): Promise<CallOutcome> {
    if (isRefused(server, call.model)) return CLOUD_REFUSED;
    const outcome = await server.watched.client.run(call, options);
    if (outcome.kind === 'failed') {
      if (outcome.phase === 'connect') server.watched.markDown(outcome.message);
      else if (outcome.code === 'upstream_unreachable') server.watched.suspect();
    }
    return outcome;
  }

  function reserve(server: Server, key: string): Slot {
    let calls = 0;
    let isReleased = false;
    let isFreed = false;
    server.runningAll += 1;
    server.running.set(key, (server.running.get(key) ?? 0) + 1);

    function freeWhenDone(): void {
      if (!isReleased || calls > 0 || isFreed) return;
      isFreed = true;
      server.runningAll -= 1;
      const left = server.running.get(key)! - 1;
      if (left > 0) server.running.set(key, left);
      else server.running.delete(key);
      tellFree();
    }

    return {
      upstream: server.watched.id,
      run: async (call, options) => {
        if (isReleased) throw new Error('This slot was released: take another one.');
        calls += 1;
        try {
          return await run(server, call, options);
        } finally {
          calls -= 1;
          freeWhenDone();
        }
      },
      release: () => {
        isReleased = true;
        freeWhenDone();
      },
    };
  }

  return {
    name: 'upstreams',
    start: async () => void (await Promise.all(servers.map(({ watched }) => watched.start()))),
    stop: async () => void (await Promise.all(servers.map(({ watched }) => watched.stop()))),
    free: (model) => freeSlots(candidates(modelKey(model))),
    take: (model) => {
      const key = modelKey(model);
      const index = chooseUpstream(candidates(key), turn);
      if (index === -1) return null;
      turn = (index + 1) % servers.length;
      return reserve(servers[index]!, key);
    },
    onFree: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    states: () =>
      servers.map(({ watched, url, slots, runningAll }) => ({
        id: watched.id,
        url,
        slots,
        running: runningAll,
        ...watched.health(),
      })),
  };
}
