/** What a scenario is given, and the parts that most of them share. */
import type { Figures } from '../figures.ts';
import { startFila, type FilaPlan, type FilaSystem } from '../systems/fila.ts';
import { startPeer } from '../systems/peer.ts';
import { cpuSeconds } from '../systems/processes.ts';
import type { Servers } from '../systems/servers.ts';
import type { ClientKey, System, SystemName } from '../systems/system.ts';

export const SCENARIOS = [
  ...(['baseline', 'accept', 'drain', 'latency', 'slots', 'fairness'] as const),
  ...(['limits', 'relay', 'depth', 'swaps', 'profile'] as const),
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface Bench {
  readonly servers: Servers;
  readonly figures: Figures;
  readonly systems: readonly SystemName[];
  readonly rounds: number;
  /** A tenth of the load: to see that it works, not how fast. */
  readonly isQuick: boolean;
  /** What was lost, doubled or not signed. */
  readonly faults: string[];
  /** Tables of a scenario for the written report. */
  readonly appendix: string[];
  say(line: string): void;
}

export type Scenario = (bench: Bench) => Promise<void>;

export type EnginesOf = FilaPlan['engines'];

export function enginesOf(system: SystemName): EnginesOf {
  return system === 'fila shared' ? 'shared' : 'embedded';
}

/** The sets of engines Fila runs on in this bench. */
export function filaEngines(bench: Bench): EnginesOf[] {
  return bench.systems.filter((name) => name !== 'peer').map(enginesOf);
}

export interface Trial<S extends System = System> {
  readonly bench: Bench;
  readonly system: S;
  readonly key: ClientKey;
  readonly round: number;
  add(metric: string, value: number): void;
}

/** Every system once a round, one after the other, each started afresh; who goes first changes from round to round. */
export async function alternate(
  bench: Bench,
  slots: number,
  work: (trial: Trial) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= bench.rounds; round++)
    for (const name of rotated(bench.systems, round - 1)) await once(bench, { name, slots, round }, work);
}

/**
 * All systems of a round at once, most of them idle: what is measured is measured in short slices, of one system after the
 * other, so that a machine that is slow for a minute is slow for all.
 */
export async function sideBySide(
  bench: Bench,
  slots: number,
  work: (trials: readonly Trial[]) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= bench.rounds; round++) {
    const names = rotated(bench.systems, round - 1);
    const withAll = async (trials: readonly Trial[]): Promise<void> => {
      const name = names[trials.length];
      if (name === undefined) return work(trials);
      await once(bench, { name, slots, round }, (trial) => withAll([...trials, trial]));
    };
    await withAll([]);
  }
}

/** `work` for each of the trials, so many times over, another one first each time; what came of it, by trial. */
export async function inSlices<T>(
  trials: readonly Trial[],
  count: number,
  work: (trial: Trial) => Promise<T>,
): Promise<Map<Trial, T[]>> {
  const results = new Map(trials.map((trial): [Trial, T[]] => [trial, []]));
  for (let slice = 0; slice < count; slice++)
    for (const trial of rotated(trials, slice)) results.get(trial)!.push(await work(trial));
  return results;
}

/** One system, started and stopped whatever happens. */
export async function once(
  bench: Bench,
  { name, slots, round }: { name: SystemName; slots: number; round: number },
  work: (trial: Trial) => Promise<void>,
): Promise<void> {
  if (name !== 'peer') return withFila(bench, { engines: enginesOf(name), slots, round }, work);
  const system = await startPeer(bench.servers, { concurrency: slots });
  await tried(bench, system, round, work);
}

/** Fila alone, in a shape of its own. */
export async function withFila(
  bench: Bench,
  { round = 1, ...plan }: FilaPlan & { readonly round?: number },
  work: (trial: Trial<FilaSystem>) => Promise<void>,
): Promise<void> {
  await tried(bench, await startFila(bench.servers, plan), round, work);
}

async function tried<S extends System>(
  bench: Bench,
  system: S,
  round: number,
  work: (trial: Trial<S>) => Promise<void>,
): Promise<void> {
  try {
    const key = await system.createKey();
    await work({
      ...{ bench, system, key, round },
      add: (metric, value) => {
        bench.figures.add({ metric, system: system.name, round, value });
        bench.say(`  round ${round}  ${system.name.padEnd(14)} ${metric.padEnd(34)} ${shown(value)}`);
      },
    });
  } finally {
    await system.stop();
  }
}

export function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

function rotated<T>(list: readonly T[], by: number): T[] {
  return list.map((_, n) => list[(n + by) % list.length]!);
}

let runs = 0;

/** Each prompt of each run of a load starts otherwise, so that the simulator counts every one by itself. */
export function nextPromptStart(): string {
  return `run ${String(++runs).padStart(4, '0')}`;
}

export interface PostOptions {
  readonly callbackUrl?: string;
  readonly keys?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly models?: readonly string[];
  readonly promptStart?: string;
}

/** POSTs of prompts to a system. */
export function posts({ system, key }: Pick<Trial, 'system' | 'key'>, options: PostOptions = {}) {
  const { callbackUrl, keys = [key.key], headers, models } = options;
  return {
    ...{ port: system.ports[0]!, method: 'POST' as const, path: system.path, keys, headers, models },
    promptStart: options.promptStart ?? nextPromptStart(),
    body: callbackUrl === undefined ? {} : { callback_url: callbackUrl },
  };
}

/** Processor time of a system and of the servers below it, in microseconds for each of `count` things that `work` did. */
export async function cpuOf<T>(
  { bench, system }: Trial,
  work: () => Promise<T>,
  countOf: (result: T) => number,
): Promise<{ result: T; cpuUs: number }> {
  const { mariadb, redis } = bench.servers;
  const below = system.name === 'fila embedded' ? [] : [mariadb.pid, redis.pid];
  const pids = [...Object.values(system.processes), ...below];
  const before = cpuSeconds(pids);
  const result = await work();
  return { result, cpuUs: ((cpuSeconds(pids) - before) * 1_000_000) / countOf(result) };
}

/** Every prompt was answered, and none twice. */
export async function checkExactlyOnce(trial: Trial, what: string, expected: number): Promise<void> {
  const { promptCalls } = await trial.bench.servers.simulator.state({ prompts: true });
  const counts = Object.values(promptCalls);
  const answered = counts.filter(({ completed }) => completed > 0).length;
  const doubled = counts.filter(({ calls }) => calls > 1).length;
  const where = `${what}, ${trial.system.name}, round ${trial.round}`;
  if (answered !== expected) trial.bench.faults.push(`${where}: ${answered} of ${expected} were answered`);
  if (doubled > 0) trial.bench.faults.push(`${where}: ${doubled} were asked twice`);
}

/** A webhook for every request, each signed. */
export async function checkWebhooks(trial: Trial, what: string, expected: number): Promise<void> {
  const tally = await trial.bench.servers.sink.check([trial.key.webhookSecret]);
  const where = `${what}, ${trial.system.name}, round ${trial.round}`;
  if (tally.requests !== expected)
    trial.bench.faults.push(`${where}: webhooks of ${tally.requests} of ${expected} requests came`);
  if (tally.unsigned > 0) trial.bench.faults.push(`${where}: ${tally.unsigned} webhooks were not signed`);
  if (tally.received > tally.requests)
    trial.bench.say(`  ${where}: ${tally.received - tally.requests} webhooks came twice`);
}

/** All were answered with this status. */
export function checkStatus(
  trial: Pick<Trial, 'bench' | 'system' | 'round'>,
  what: string,
  { statuses }: { readonly statuses: Readonly<Record<string, number>> },
  wanted = 202,
): void {
  const others = Object.entries(statuses).filter(([status]) => Number(status) !== wanted);
  if (others.length > 0)
    trial.bench.faults.push(
      `${what}, ${trial.system.name}, round ${trial.round}: answers ${others.map(([status, n]) => `${n} x ${status}`).join(', ')}`,
    );
}
