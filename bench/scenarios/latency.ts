/** What one request costs on an idle system: until it is answered, and what waiting for it adds to the model's time. */
import { alternate, checkStatus, nextPromptStart, posts, type Scenario, type Trial } from './scenario.ts';

const SLOTS = 8;
const PAUSE_MS = 5;
/** Arrivals of the open loop: far below what anything here can do. */
const PER_SECOND = 50;

export const latency: Scenario = (bench) => {
  const count = bench.isQuick ? 50 : 200;
  return alternate(bench, SLOTS, async (trial) => {
    const { load, simulator } = bench.servers;
    await simulator.prepare({ slots: SLOTS });
    await load.closed({ requests: posts(trial), connections: 4, count: count * 2 });
    await simulator.untilCompleted(count * 2);

    const followed = await load.follow({ requests: posts(trial), count, pauseMs: PAUSE_MS });
    checkStatus(trial, 'idle', followed);
    trial.add('latency.ack.p50Ms', followed.latency.p50Ms);
    trial.add('latency.end.p50Ms', followed.end!.p50Ms);
    trial.add('latency.end.p99Ms', followed.end!.p99Ms);
    if (trial.system.name !== 'peer') await waitAgainstOllama(trial, count);
  });
};

/** `Prefer: wait` through Fila and the same prompt asked of Ollama, both as arrivals fixed beforehand. */
async function waitAgainstOllama(trial: Trial, count: number): Promise<void> {
  const { load, simulator } = trial.bench.servers;
  const plan = { connections: 16, perSecond: PER_SECOND, count };
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
  trial.add('latency.added.p50Ms', through.latency.p50Ms - direct.latency.p50Ms);
  trial.add('latency.added.p99Ms', through.latency.p99Ms - direct.latency.p99Ms);
}
