/** A simulated Ollama: the real one's routes, errors, queues and loads over HTTP, without a model. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isAllowedHost, isLoopback } from './allowed-host.ts';
import { answerBlob, isBlobPath } from './blob-routes.ts';
import { createCallLog } from './call-log.ts';
import {
  manageModels,
  sendPs,
  sendRunning,
  sendShow,
  sendStatus,
  sendTags,
  sendVersion,
} from './catalogue-routes.ts';
import { createCatalogue } from './catalogue.ts';
import type { Controls } from './control-route.ts';
import { answerControl, describeProblem, isControlPath } from './control-route.ts';
import { answerEmbedding } from './embedding-routes.ts';
import { createFaults } from './faults.ts';
import { createHold } from './hold.ts';
import type { Exchange } from './http-answers.ts';
import { readBody, sendJson, sendText } from './http-answers.ts';
import { answerInference } from './inference-routes.ts';
import { createScheduler } from './scheduler.ts';
import type { Settings, SimulatedModel, SimulationPatch } from './settings.ts';
import { DEFAULT_MODELS, DEFAULT_SETTINGS, problemOfPatch } from './settings.ts';
import type { HttpCounters, SimulationState } from './simulation-state.ts';
import { stateOf } from './simulation-state.ts';
import type { Simulation } from './simulation.ts';
import { sleep } from './sleep.ts';

export type { ChatMessage, PromptOrMessages } from './answers.ts';
export { promptHash, simulatedAnswer, simulatedEmbedding } from './answers.ts';
export type { CallOutcome, CallRecord, PromptCount } from './call-log.ts';
export type { FaultName, FaultPatch } from './faults.ts';
export { FAULTS } from './faults.ts';
export type { SimulatedModel, SimulationPatch } from './settings.ts';
export { DEFAULT_MODELS } from './settings.ts';
export { simulatedJsonAnswer } from './shaped-answers.ts';
export type { SimulationState } from './simulation-state.ts';

export interface SimulatedOllamaOptions {
  /** 127.0.0.1 unless given. */
  host?: string;
  /** 0, any that is free, unless given. */
  port?: number;
  /** Unless given: llama3:8b, gemma2:2b, qwen3:8b (thinks) and nomic-embed-text (embeds). */
  models?: readonly SimulatedModel[];
  /** Names of those that are loaded from the start; none unless given. */
  loaded?: readonly string[];
  /** OLLAMA_NUM_PARALLEL, 1. */
  slots?: number;
  /** OLLAMA_MAX_QUEUE, 512. */
  maxQueue?: number;
  /** OLLAMA_MAX_LOADED_MODELS, 3. */
  maxLoaded?: number;
  /** 0: all at once. */
  tokensPerSecond?: number;
  firstTokenMs?: number;
  loadMs?: number;
  answerTokens?: number;
  seed?: number;
}

export interface SimulatedOllama {
  readonly url: string;
  readonly port: number;
  /** Takes effect at once, also for calls that are waiting. Throws when the patch is not right. */
  control(patch: SimulationPatch): void;
  state(): SimulationState;
  /** Back to how it started. */
  reset(): void;
  /** Cuts every connection. May be called twice. */
  stop(): Promise<void>;
}

type Handler = (exchange: Exchange, simulation: Simulation) => void | Promise<void>;

const infer: Handler = (exchange, simulation) => answerInference(simulation, exchange);
const embed: Handler = (exchange, simulation) => answerEmbedding(simulation, exchange);

const ROUTES: Record<string, Record<string, Handler>> = {
  '/': { GET: sendRunning, HEAD: sendRunning },
  '/api/version': { GET: sendVersion, HEAD: sendVersion },
  '/api/status': { GET: sendStatus },
  '/api/tags': { GET: sendTags, HEAD: sendTags },
  '/api/ps': { GET: sendPs },
  '/api/show': { POST: sendShow },
  '/api/generate': { POST: infer },
  '/api/chat': { POST: infer },
  '/api/embed': { POST: embed },
  '/api/embeddings': { POST: embed },
  '/api/pull': { POST: manageModels },
  '/api/push': { POST: manageModels },
  '/api/create': { POST: manageModels },
  '/api/copy': { POST: manageModels },
  '/api/delete': { DELETE: manageModels },
};

/** Resolves when it listens. */
export async function startSimulatedOllama(options: SimulatedOllamaOptions = {}): Promise<SimulatedOllama> {
  const { host = '127.0.0.1', port = 0, ...start } = options;
  const http: HttpCounters = { requests: 0, managementCalls: 0 };
  const simulation = createSimulation();
  const controls = createControls(simulation, http, start);
  controls.reset();

  const served: Served = { simulation, controls, http, isGuarded: true };
  const server = createServer((request, response) => {
    answer(served, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: `the simulation broke: ${String(error)}` });
    });
  });
  // Like Go's server: no connection is closed for being idle, no body for being slow.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  await listen(server, host, port);
  const bound = server.address() as AddressInfo;
  served.isGuarded = isLoopback(bound.address);
  const shownHost = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return {
    url: `http://${shownHost}:${bound.port}`,
    port: bound.port,
    control: controls.control,
    state: () => controls.state(),
    reset: controls.reset,
    stop: () => close(server, simulation),
  };
}

function createSimulation(): Simulation {
  const settings: Settings = { ...DEFAULT_SETTINGS };
  return {
    settings,
    catalogue: createCatalogue([]),
    scheduler: createScheduler(settings),
    faults: createFaults(settings.seed),
    calls: createCallLog(),
    hold: createHold(() => settings.held),
    blobs: new Set(),
  };
}

function createControls(simulation: Simulation, http: HttpCounters, start: SimulationPatch): Controls {
  const { settings, catalogue, scheduler, faults, calls, hold } = simulation;

  function control(patch: SimulationPatch): void {
    const problem = problemOfPatch(patch);
    if (problem) throw new Error(describeProblem(problem));
    const { models, loaded = [], faults: faultPatch, ...changes } = patch;
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    Object.assign(settings, Object.fromEntries(given));
    if (models) catalogue.replace(models);
    for (const name of loaded) {
      const model = catalogue.find(name);
      if (model) scheduler.warm(model);
    }
    if (patch.seed !== undefined) faults.reseed(patch.seed);
    if (faultPatch) faults.apply(faultPatch);
    scheduler.slotsChanged();
    hold.changed();
  }

  function reset(): void {
    Object.assign(settings, DEFAULT_SETTINGS);
    Object.assign(http, { requests: 0, managementCalls: 0 });
    scheduler.reset();
    calls.reset();
    simulation.blobs.clear();
    faults.apply({ next: [], all: null, probability: {} });
    control({ seed: DEFAULT_SETTINGS.seed, models: DEFAULT_MODELS, ...withoutUndefined(start) });
  }

  return { control, reset, state: (shown) => stateOf(simulation, http, shown) };
}

interface Served {
  simulation: Simulation;
  controls: Controls;
  http: HttpCounters;
  /** It listens on a loopback address, so that foreign Host headers are refused. */
  isGuarded: boolean;
}

async function answer(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { simulation, controls, http } = served;
  const route = (request.url ?? '/').split('?', 1)[0]!;
  const isControl = isControlPath(route);
  if (!isControl) http.requests += 1;
  if (!isControl && simulation.settings.down) return void request.socket.destroy();

  const leaving = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) leaving.abort();
  });
  if (isBlobPath(route)) {
    http.managementCalls += 1;
    return answerBlob(simulation.blobs, request, response);
  }
  const body = await readBody(request);
  if (body === undefined) return;
  if (!isControl && simulation.settings.answerDelayMs > 0) await sleep(simulation.settings.answerDelayMs);
  if (served.isGuarded && !isAllowedHost(request.headers.host)) return void response.writeHead(403).end();

  const exchange: Exchange = { request, response, route, body, signal: leaving.signal };
  if (isControl) return answerControl(controls, exchange);
  const methods = Object.hasOwn(ROUTES, route) ? ROUTES[route]! : undefined;
  const handler = methods?.[request.method ?? ''];
  if (handler === manageModels) http.managementCalls += 1;
  if (!methods) return sendText(response, 404, '404 page not found');
  if (!handler) return sendText(response, 405, '405 method not allowed');
  await handler(exchange, simulation);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server, simulation: Simulation): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
    simulation.scheduler.reset();
  });
}

function withoutUndefined(patch: SimulationPatch): SimulationPatch {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
}
