/** Two models that do not fit together, asked in turns: how often one is swapped for the other, and who waits how long. */
import { checkStatus, filaEngines, posts, shown, type Scenario, withFila } from './scenario.ts';

const MODELS = ['llama3:8b', 'gemma2:2b'];
const COUNT = 200;
const LOAD_MS = 2_000;
const SERVICE_MS = 20;
const SLOTS = 4;
/** The bound that is set for this scenario; a request may wait so long, and a load and the running calls longer. */
const SWAP_AFTER_MS = 10_000;
const LOAD_AND_CALLS_MS = 2 * LOAD_MS + 1_000;

export const swaps: Scenario = async (bench) => {
  const { load, simulator } = bench.servers;
  for (const engines of filaEngines(bench)) {
    const environment = { FILA_SWAP_AFTER_MS: String(SWAP_AFTER_MS) };
    await withFila(bench, { engines, slots: SLOTS, environment }, async (trial) => {
      await simulator.prepare({ slots: SLOTS, maxLoaded: 1, loadMs: LOAD_MS, firstTokenMs: SERVICE_MS });
      const postedAtMs = Date.now();
      const requests = posts(trial, { models: MODELS });
      checkStatus(trial, 'swaps', await load.closed({ requests, connections: 8, count: COUNT }));
      await simulator.untilCompleted(COUNT);
      const { calls, models } = await simulator.state({ calls: COUNT });
      const loads = Object.values(models).reduce((sum, one) => sum + one.loads, 0);
      const longestMs = Math.max(...calls.map(({ startedAtMs }) => startedAtMs - postedAtMs));
      bench.say(`  ${loads} loads for ${COUNT} requests, longest wait ${shown(longestMs)} ms`);
      // First in first out over models in turns: every request finds the other model loaded.
      trial.add('swaps.ofFifo', loads / COUNT);
      trial.add('swaps.longestWaitOfBound', longestMs / (SWAP_AFTER_MS + LOAD_AND_CALLS_MS));
    });
  }
};
