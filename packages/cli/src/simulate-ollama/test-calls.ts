/** For the tests: servers that stop with the test, and the calls made to them. */
import { onTestFinished } from 'vitest';
import type { SimulatedOllama, SimulatedOllamaOptions, SimulationState } from './simulate-ollama.ts';
import { startSimulatedOllama } from './simulate-ollama.ts';

export type Json = Record<string, unknown>;

export async function startForTest(options?: SimulatedOllamaOptions): Promise<SimulatedOllama> {
  const ollama = await startSimulatedOllama(options);
  onTestFinished(() => ollama.stop());
  return ollama;
}

export function post(
  ollama: SimulatedOllama,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(ollama.url + path, { method: 'POST', body: text, ...(signal && { signal }) });
}

export async function postJson(ollama: SimulatedOllama, path: string, body: unknown): Promise<Json> {
  return (await (await post(ollama, path, body)).json()) as Json;
}

export async function getJson(ollama: SimulatedOllama, path: string): Promise<Json> {
  return (await (await fetch(ollama.url + path)).json()) as Json;
}

export async function linesOf(response: Response): Promise<Json[]> {
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Json);
}

/** The error and the status of an answer. */
export async function errorOf(response: Response): Promise<[number, unknown]> {
  return [response.status, ((await response.json()) as Json).error];
}

/** Waits for the simulation to be as wanted: what happens in the server shows nowhere else. */
export async function until(
  ollama: SimulatedOllama,
  isReached: (state: SimulationState) => boolean,
): Promise<SimulationState> {
  for (const deadline = Date.now() + 5_000; ;) {
    const state = ollama.state();
    if (isReached(state)) return state;
    if (Date.now() > deadline) throw new Error(`not reached: ${JSON.stringify(state.counters)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function asked(prompt: string, more: Json = {}): Json {
  return { model: 'llama3:8b', prompt, ...more };
}
