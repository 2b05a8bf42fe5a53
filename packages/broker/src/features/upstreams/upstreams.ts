/** The Ollama servers: which are known, how they are, and who may call them now. */
import type { AttemptExplanation } from '../../kernel/contract.generated.ts';
import type { Service } from '../../kernel/service.ts';
import { createAttemptLog } from './attempt-log.ts';
import { allSlots, chooseUpstream, explainChoice, freeSlots, type Candidate } from './choose-upstream.ts';
import { configuredUpstreams, type UpstreamSettings } from './configured-upstreams.ts';
import { explainAttempt, explainTimers } from './explain-timers.ts';
import { createSlot, type Slot } from './failover-slot.ts';
import { isCloudModel, modelKey } from './model-names.ts';
import type { CallOutcome, CallTimers, ModelCall } from './ollama-client.ts';
import { failure } from './ollama-errors.ts';
import { createRetryBudget } from './retry-budget.ts';
import {
  createUpstreamServer,
  type UpstreamServer,
  type UpstreamServerDeps,
  type UpstreamState,
} from './upstream-server.ts';
import type { StoredUpstream } from './upstream-store.ts';

export { isCloudModel, modelKey } from './model-names.ts';
export type * from './ollama-client.ts';
export type { UpstreamSettings } from './configured-upstreams.ts';
export type { Slot } from './failover-slot.ts';
export type { UpstreamState } from './upstream-server.ts';

export interface Upstreams extends Service {
  /** How many calls of this model could start now; 0 when every upstream is down. */
  free(model: string): number;
  /** How many could run at once, those that run included; 0 while none may start. */
  capacity(model: string): number;
  /** Reserves a slot for a model at the best upstream, or null. */
  take(model: string): Slot | null;
  /** Told when a call may start that could not before. The answer ends the telling. */
  onFree(listener: () => void): () => void;
  states(): UpstreamState[];
  /** The last attempt of a request as far as this process knows; `settings` are the most its timers may be. */
  explainLast(requestId: string, settings: CallTimers): AttemptExplanation | null;
  /** Where a call would go now, with `leftMs` until its deadline. */
  explainNext(call: ModelCall, settings: CallTimers, leftMs: number): AttemptExplanation;
  /**
   * Makes these, with those of the settings, the upstreams there are. In force when it returns; resolves when new ones
   * were probed once. One that is no longer named ends its calls first.
   */
  apply(stored: readonly StoredUpstream[]): Promise<void>;
}

export interface UpstreamsDeps extends Omit<UpstreamServerDeps, 'onFree' | 'attempts'> {
  readonly upstreams: readonly UpstreamSettings[];
}

const CLOUD_REFUSED: CallOutcome = {
  ...failure('model_not_allowed', 'The model runs outside this house, which is not allowed here.'),
  phase: 'connect',
};

export function createUpstreams(deps: UpstreamsDeps): Upstreams {
  const { allowCloudModels, clock, logger } = deps;
  const listeners = new Set<() => void>();
  const budget = createRetryBudget(clock);
  const attempts = createAttemptLog(() => clock.now());
  const newServer = (config: ReturnType<typeof configuredUpstreams>[number]): UpstreamServer =>
    createUpstreamServer({ ...deps, attempts, onFree: tellFree }, config);
  let servers = configuredUpstreams(deps.upstreams, []).map(newServer);
  let isRunning = false;
  let turn = 0;

  function tellFree(): void {
    for (const listener of listeners) listener();
  }

  function candidates(key: string): Candidate[] {
    return servers.map((server) => server.candidate(key));
  }

  /** Also when only another server passes the model on: then "not allowed" is the truer answer than "not found". */
  function isRefused({ watched }: UpstreamServer, model: string): boolean {
    if (allowCloudModels) return false;
    const key = modelKey(model);
    if (isCloudModel(model) || watched.passesOn(key)) return true;
    return !watched.has(key) && servers.some((one) => one.watched.passesOn(key));
  }

  /** Only where the model is known to be, and not where a breaker waits for its probe: the call has failed once already. */
  function takeOther(key: string, tried: ReadonlySet<UpstreamServer>) {
    const others = candidates(key).map((one, index) => {
      const isFit = one.hasModel && !one.isDue && !tried.has(servers[index]!);
      return { ...one, isUp: one.isUp && isFit };
    });
    const index = chooseUpstream(others, turn);
    return index === -1 ? null : servers[index]!.hold(key);
  }

  function explainNext(call: ModelCall, settings: CallTimers, leftMs: number): AttemptExplanation {
    const key = modelKey(call.model);
    const { index, reason } = explainChoice(candidates(key), turn);
    const server = servers[index];
    const ceilings = { ...settings, totalMs: Math.min(settings.totalMs, leftMs) };
    const unmade = { began_at: null, outcome: null, took_ms: null, first_token_ms: null };
    if (!server) return { ...unmade, upstream: null, reason, timers: [], terms: [] };
    const facts = server.factsOf(key, call, ceilings);
    return { ...unmade, upstream: server.id, reason, ...explainTimers(facts, settings) };
  }

  async function apply(stored: readonly StoredUpstream[]): Promise<void> {
    const wanted = configuredUpstreams(deps.upstreams, stored);
    const known = new Map(servers.map((server) => [server.url, server]));
    const added: UpstreamServer[] = [];
    let isChanged = false;
    for (const config of wanted) {
      const server = known.get(config.url);
      known.delete(config.url);
      if (server) isChanged = server.configure(config) || isChanged;
      else added.push(newServer(config));
    }
    servers = [...servers, ...added];
    for (const server of known.values()) server.leave(() => void forget(server));
    for (const { id } of added) logger.info({ upstream: id }, 'upstream added');
    if (isChanged) tellFree();
    if (isRunning) await Promise.all(added.map((server) => server.start()));
  }

  async function forget(server: UpstreamServer): Promise<void> {
    servers = servers.filter((one) => one !== server);
    logger.info({ upstream: server.id }, 'upstream removed');
    await server.stop();
  }

  return {
    name: 'upstreams',
    start: async () => {
      isRunning = true;
      await Promise.all(servers.map((server) => server.start()));
    },
    stop: async () => {
      isRunning = false;
      await Promise.all(servers.map((server) => server.stop()));
    },
    free: (model) => freeSlots(candidates(modelKey(model))),
    capacity: (model) => allSlots(candidates(modelKey(model))),
    take: (model) => {
      const key = modelKey(model);
      const index = chooseUpstream(candidates(key), turn);
      if (index === -1) return null;
      turn = (index + 1) % servers.length;
      return createSlot(servers[index]!.hold(key), {
        budget,
        takeOther: (tried) => takeOther(key, tried),
        refuse: (server, call) => (isRefused(server, call.model) ? CLOUD_REFUSED : null),
      });
    },
    onFree: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    states: () => servers.map((server) => server.state()),
    explainLast: (requestId, settings) => {
      const attempt = attempts.last(requestId);
      return attempt ? explainAttempt(attempt, settings) : null;
    },
    explainNext,
    apply,
  };
}
