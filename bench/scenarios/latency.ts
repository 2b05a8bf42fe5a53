/** What one request costs on an idle system: until it is answered, and what waiting for it adds to the model's time. */
import { median } from '../statistics.ts';
import {
  checkStatus,
  filaEngines,
  inSlices,
  nextPromptStart,
  posts,
  sideBySide,
  type Scenario,
  type Trial,
  withFila,
} from './scenario.ts';

const SLOTS = 8;
const SLICES = 4;
const PAUSE_MS = 5;
/** A process that has just started is slower: the first thousands do not count. */
const WARM_UP = 3_000;
/** Arrivals of the open loop: far below what anything here can do. */
const PER_SECOND = 50;

export const latency: Scenario = async (bench) => {
  const { load, simulator } = bench.servers;
  const count = (bench.isQuick ? 40 : 160) / SLICES;
  await sideBySide(bench, SLOTS, async (trials) => {
    for (const trial of trials) await warmUp(trial);
    await simulator.prepare({ slots: SLOTS });
    const idle = await inSlices(trials, SLICES, async (trial) => {
      const followed = await load.follow({ requests: posts(trial), count, pauseMs: PAUSE_MS });
      checkStatus(trial, 'idle', followed);
      return followed;
    });
    for (const [trial, slices] of idle) {
      trial.add('latency.ack.p50Ms', median(slices.map(({ latency }) => latency.p50Ms)));
      trial.add('latency.end.p50Ms', median(slices.map(({ end }) => end!.p50Ms)));
      trial.add('latency.end.p99Ms', median(slices.map(({ end }) => end!.p99Ms)));
    }
  });
  for (let round = 1; round <= bench.rounds; round++)
    for (const engines of filaEngines(bench))
      await withFila(bench, { engines, slots: SLOTS, round }, async (trial) => {
        await warmUp(trial);
        await simulator.prepare({ slots: SLOTS });
        await addedByWaiting(trial, count);
      });
};

async function warmUp(trial: Trial): Promise<void> {
  const { load, simulator } = trial.bench.servers;
  const count = trial.bench.isQuick ? 100 : WARM_UP;
  await simulator.prepare({ slots: SLOTS });
  await load.closed({ requests: posts(trial), connections: 16, count });
  await simulator.untilCompleted(count);
}

/** `Prefer: wait` through Fila and the same prompt asked of Ollama, in turns, both as arrivals fixed beforehand. */
async function addedByWaiting(trial: Trial, count: number): Promise<void> {
  const { load, simulator } = trial.bench.servers;
  const plan = { connections: 16, perSecond: PER_SECOND, count };
  const slices = await inSlices([trial], SLICES, async () => {
    const through = await load.open({
      ...plan,
      requests: posts(trial, { headers: { prefer: 'wait=30' } }),
    });
    checkStatus(trial, 'Prefer: wait', through, 200);
    const direct = await load.open({
      ...plan,
      requests: {
        ...{ port: simulator.port, method: 'POST', path: '/api/generate', promptStart: nextPromptStart() },
        body: { model: 'llama3:8b', stream: true },
      },
    });
    return { through: through.latency, direct: direct.latency };
  });
  const added = (of: 'p50Ms' | 'p99Ms'): number =>
    median(slices.get(trial)!.map(({ through, direct }) => through[of] - direct[of]));
  trial.add('latency.added.p50Ms', added('p50Ms'));
  trial.add('latency.added.p99Ms', added('p99Ms'));
}
