/** The Ollama servers: which are known, how they are, and who may call them now. */
import type { AttemptExplanation, InstalledModel } from '../../kernel/contract.generated.ts';
import type { Service } from '../../kernel/service.ts';
import { createAttemptLog } from './attempt-log.ts';
import { allSlots, chooseUpstream, explainChoice, freeSlots, type Candidate } from './choose-upstream.ts';
import { configuredUpstreams, type UpstreamSettings } from './configured-upstreams.ts';
import { explainAttempt, explainTimers } from './explain-timers.ts';
import { FailoverSlot, type FailoverDeps, type Slot } from './failover-slot.ts';
import { homeOf } from './home-of.ts';
import { createModelManagement, type ModelManagement } from './model-management.ts';
import { isCloudModel, modelKey } from './model-names.ts';
import type { CallOutcome, CallTimers, ModelCall } from './ollama-client.ts';
import { failure } from './ollama-errors.ts';
import type { Json } from './ollama-queries.ts';
import { preload, type Preloaded, type PreloadOrder } from './preload.ts';
import { createRetryBudget } from './retry-budget.ts';
import { isElsewhere } from './spread-models.ts';
import {
  createUpstreamServer,
  type UpstreamServer,
  type UpstreamServerDeps,
  type UpstreamState,
} from './upstream-server.ts';
import { createUpstreamLeases, type DispatchedBy, type UpstreamLeasesDeps } from './upstream-leases.ts';
import type { StoredUpstream } from './upstream-store.ts';

export { isCloudModel, modelKey } from './model-names.ts';
export type * from './ollama-client.ts';
export type { ManagementFailure, ModelManagement } from './model-management.ts';
export type { Json } from './ollama-queries.ts';
export type { UpstreamSettings } from './configured-upstreams.ts';
export type { Slot } from './failover-slot.ts';
export type { UpstreamState } from './upstream-server.ts';

/** Calls of one session share an affinity, and with it an upstream. */
export interface Session {
  readonly affinity: number;
  /** Whether it rather waits than go to another upstream. */
  readonly isPatient: boolean;
}

export interface DispatchedUpstream extends UpstreamState {
  /** Null: nobody starts calls there. */
  readonly dispatchedBy: DispatchedBy | null;
}

/** Only upstreams that this broker dispatches count for `free`, `capacity` and `take`. */
export interface Upstreams extends Service {
  /** How many calls of this model could start now; 0 when every upstream is down. */
  free(model: string): number;
  /** How many could run at once, those that run included; 0 while none may start. */
  capacity(model: string): number;
  /**
   * Reserves a slot for a model at the best upstream, or null. One of a session only at the upstream of that session, while
   * that is well and the session is patient.
   */
  take(model: string, session?: Session): Slot | null;
  /**
   * What waits for which model, and since when (ms since 1970): models that do not fit together are swapped by it. To be
   * told whenever it has changed; while a model's turn has not come, `free` says 0.
   */
  demand(waiting: ReadonlyMap<string, number>): void;
  /** Told when a call may start that could not before. The answer ends the telling. */
  onFree(listener: () => void): () => void;
  /** Told when another broker is to start the calls of an upstream. */
  onLost(listener: () => void): void;
  states(): DispatchedUpstream[];
  /** Brokers that share the upstreams, this one included. */
  brokers(): number;
  /** What other brokers told last (`leases.tell`). */
  heard(): unknown[];
  /** No call starts here any more; other brokers may take over at once. */
  handOver(): Promise<void>;
  /** The last attempt of a request as far as this process knows; `settings` are the most its timers may be. */
  explainLast(requestId: string, settings: CallTimers): AttemptExplanation | null;
  /** Where a call would go now, with `leftMs` until its deadline. */
  explainNext(call: ModelCall, settings: CallTimers, leftMs: number): AttemptExplanation;
  /** What Ollama tells of the models, of each upstream that is up. */
  known(): ReturnType<UpstreamServer['watched']['known']>[];
  /** False only when upstreams answer and none of them has the model. */
  mayHave(model: string): boolean;
  /** The same of one, in full, from an upstream that has it; null when there is none that answers. */
  show(model: string): Promise<Json | null>;
  /** The models of all upstreams that are up, by name. */
  models(): InstalledModel[];
  /** Resolves when all that were meant have loaded the model, or could not; empty when nobody has it. */
  preload(order: PreloadOrder): Promise<Preloaded[]>;
  /** Changes which models the upstreams have. */
  readonly management: ModelManagement;
  /**
   * Makes these, with those of the settings, the upstreams there are. In force when it returns; resolves when new ones
   * were probed once. One that is no longer named ends its calls first.
   */
  apply(stored: readonly StoredUpstream[]): Promise<void>;
}

export interface UpstreamsDeps extends Omit<UpstreamServerDeps, 'onFree' | 'othersAt' | 'attempts' | 'onUp'> {
  readonly upstreams: readonly UpstreamSettings[];
  /** Models that each upstream which has them loads when it comes up. */
  readonly preloadModels?: readonly string[];
  /** Absent: nobody else dispatches them. */
  readonly leases?: Omit<UpstreamLeasesDeps, 'logger'>;
}

const CLOUD_REFUSED: CallOutcome = {
  ...failure('model_not_allowed', 'The model runs outside this house, which is not allowed here.'),
  phase: 'connect',
};

const LONGEST_PAUSE_MS = 60_000;

export function createUpstreams(deps: UpstreamsDeps): Upstreams {
  const { allowCloudModels, clock, logger } = deps;
  const listeners = new Set<() => void>();
  const lostListeners: (() => void)[] = [];
  const attempts = createAttemptLog(() => clock.now());
  const newServer = (config: ReturnType<typeof configuredUpstreams>[number]): UpstreamServer =>
    createUpstreamServer(
      {
        ...deps,
        ...{ attempts, onFree: tellFree, othersAt: leases?.othersAt },
        onUp: (server) => void preloadAll(server),
      },
      config,
    );
  const leases = deps.leases
    ? createUpstreamLeases(
        { ...deps.leases, logger },
        { upstreams: leasable, onGained: tellFree, onLost: tellLost },
      )
    : null;
  const failover: FailoverDeps = {
    ...{ budget: createRetryBudget(clock), takeOther },
    refuse: (server, call) => (isRefused(server, call.model) ? CLOUD_REFUSED : null),
  };
  let servers = configuredUpstreams(deps.upstreams, []).map(newServer);
  let isRunning = false;
  let turn = 0;
  let look: NodeJS.Timeout | undefined;

  function tellFree(): void {
    for (const listener of listeners) listener();
  }

  function onFree(listener: () => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  function nextFree(): Promise<void> {
    return new Promise((resolve) => {
      const end = onFree(() => {
        end();
        resolve();
      });
    });
  }

  async function preloadAll(server: UpstreamServer): Promise<void> {
    for (const model of deps.preloadModels ?? [])
      for (const { upstream, tookMs, error } of await preload(
        { model },
        { servers: () => [server], nextFree },
      ))
        if (error === null) logger.info({ upstream, model, tookMs }, 'model preloaded');
        else logger.warn({ upstream, model, reason: error }, 'a model could not be preloaded');
  }

  function tellLost(): void {
    for (const listener of lostListeners) listener();
  }

  function leasable() {
    return servers.map((server) => {
      const { id, isEnabled, isDraining, status, running } = server.state();
      return { id, isWanted: isEnabled && !isDraining, isUp: status === 'up', running };
    });
  }

  function candidates(key: string): Candidate[] {
    return servers.map((server) => server.candidate(key));
  }

  function choose(key: string, session: Session | undefined): number {
    const all = candidates(key);
    if (!session) return chooseUpstream(all, turn);
    const homes = all.map(({ isUp, hasModel, capacity }, index) => ({
      ...{ id: servers[index]!.id, isFit: isUp && hasModel && capacity > 0 },
      isLoaded: servers[index]!.loads.isLoaded(key) || servers[index]!.loads.loading === key,
    }));
    const home = all[homeOf(session.affinity, homes)];
    if (!home) return chooseUpstream(all, turn);
    if (home.running < home.limit) return all.indexOf(home);
    return session.isPatient ? -1 : chooseUpstream(all, turn);
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
    const others = servers.map((server, index) => {
      const one = server.candidate(key, true);
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

  function demand(waiting: ReadonlyMap<string, number>): void {
    const byKey = new Map<string, number>();
    for (const [model, sinceMs] of waiting) {
      const key = modelKey(model);
      byKey.set(key, Math.min(sinceMs, byKey.get(key) ?? sinceMs));
    }
    const elsewhere = servers.map(() => new Set<string>());
    const tell = (): void =>
      servers.forEach(({ loads }, index) => loads.told({ waiting: byKey, elsewhere: elsewhere[index]! }));
    const loaded = servers.flatMap(({ loads }) => [
      ...loads.loaded,
      ...(loads.loading === undefined ? [] : [loads.loading]),
    ]);
    for (const isLoadedSomewhere of servers.length > 1 ? [true, false] : []) {
      // Where a model should come in depends on what is loaded elsewhere, so that is told first.
      for (const key of new Set([...byKey.keys(), ...loaded])) {
        if (loaded.includes(key) !== isLoadedSomewhere) continue;
        isElsewhere(servers.map((server) => placeOf(server, key))).forEach((isSo, index) => {
          if (isSo) elsewhere[index]!.add(key);
        });
      }
      tell();
    }
    if (servers.length === 1) tell();
    lookAgain();
  }

  function placeOf({ candidate, loads }: UpstreamServer, key: string) {
    const { isUp, hasModel, capacity } = candidate(key);
    const isLoaded = loads.isLoaded(key) || loads.loading === key;
    const isOpen = isUp && hasModel && capacity > 0;
    return { isOpen, isLoaded, loaded: loads.count, verdict: loads.verdictOn(key) };
  }

  /** A turn may end by time alone. */
  function lookAgain(): void {
    clearTimeout(look);
    const times = servers.map(({ loads }) => loads.nextLookMs() ?? Number.POSITIVE_INFINITY);
    const inMs = Math.min(LONGEST_PAUSE_MS, Math.max(1, Math.min(...times) - clock.now()));
    if (times.some(Number.isFinite)) look = setTimeout(tellFree, inMs).unref();
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
    if (!isRunning) return;
    await Promise.all(added.map((server) => server.start()));
    if (isChanged || added.length > 0 || known.size > 0) await leases?.review();
  }

  function mayHave(model: string): boolean {
    const key = modelKey(model);
    const up = servers.filter(({ watched }) => watched.health().status === 'up');
    return up.length === 0 || up.some(({ watched }) => watched.has(key) || watched.passesOn(key));
  }

  async function show(model: string): Promise<Json | null> {
    const key = modelKey(model);
    for (const { watched } of servers) {
      if (watched.health().status !== 'up' || !(watched.has(key) || watched.passesOn(key))) continue;
      const shown = await watched.client.show(model).catch(() => null);
      if (shown) return shown;
    }
    return null;
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
      await leases?.start();
    },
    stop: async () => {
      isRunning = false;
      clearTimeout(look);
      await leases?.stop();
      await Promise.all(servers.map((server) => server.stop()));
    },
    free: (model) => freeSlots(candidates(modelKey(model))),
    capacity: (model) => allSlots(candidates(modelKey(model))),
    take: (model, session) => {
      const key = modelKey(model);
      const index = choose(key, session);
      if (index === -1) return null;
      turn = (index + 1) % servers.length;
      return new FailoverSlot(key, servers[index]!.hold(key), failover);
    },
    demand,
    onFree,
    models: () =>
      servers
        .flatMap((server) => server.models())
        .sort(
          (one, other) => one.model.localeCompare(other.model) || one.upstream.localeCompare(other.upstream),
        ),
    known: () => servers.map(({ watched }) => watched.known()),
    mayHave,
    show,
    management: createModelManagement({ servers: () => servers, allowCloudModels }),
    preload: (order) => preload(order, { servers: () => servers, nextFree }),
    onLost: (listener) => void lostListeners.push(listener),
    states: () =>
      servers.map((server) => ({
        ...server.state(),
        dispatchedBy: leases ? leases.dispatcherOf(server.id) : null,
      })),
    brokers: () => leases?.brokers() ?? 1,
    heard: () => leases?.heard() ?? [],
    handOver: async () => leases?.handOver(),
    explainLast: (requestId, settings) => {
      const attempt = attempts.last(requestId);
      return attempt ? explainAttempt(attempt, settings) : null;
    },
    explainNext,
    apply,
  };
}
