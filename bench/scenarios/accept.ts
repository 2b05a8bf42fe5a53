/** How fast requests are accepted and read while no model answers: nothing else happens meanwhile. */
import type { LoadResult } from '../load/load.ts';
import { residentMb } from '../systems/processes.ts';
import { median } from '../statistics.ts';
import { checkStatus, cpuOf, inSlices, posts, sideBySide, type Scenario, type Trial } from './scenario.ts';

const SLOTS = 32;
/** Code that has just started is still being compiled while it runs: what is asked is how it runs on. */
const WARM_UP = 10_000;
const SLICES = 4;

export const accept: Scenario = (bench) => {
  const { load, simulator, sink } = bench.servers;
  const scale = bench.isQuick ? 0.25 : 1;
  const requests = (trial: Trial) => posts(trial, { callbackUrl: sink.url });
  return sideBySide(bench, SLOTS, async (trials) => {
    // Each of them has as many calls under way as if it were alone.
    await simulator.prepare({ slots: SLOTS * trials.length, held: true });
    const ids = new Map<Trial, readonly string[]>();
    for (const trial of trials) {
      const plan = { requests: requests(trial), connections: 64, count: WARM_UP * scale, keepIds: true };
      const warm = await load.closed(plan);
      checkStatus(trial, 'accept', warm);
      ids.set(trial, warm.ids);
    }

    const one = await inSlices(trials, SLICES, (trial) =>
      load.closed({ requests: requests(trial), connections: 1, durationMs: 500 * scale }),
    );
    for (const [trial, results] of one) {
      for (const result of results) checkStatus(trial, 'accept', result);
      trial.add('accept.c1.perSecond', rateOf(results));
      trial.add('accept.c1.p50Ms', median(results.map(({ latency }) => latency.p50Ms)));
    }

    const many = await inSlices(trials, SLICES, (trial) =>
      cpuOf(
        trial,
        () => load.closed({ requests: requests(trial), connections: 64, durationMs: 800 * scale }),
        ({ count }) => count,
      ),
    );
    for (const [trial, slices] of many) {
      const results = slices.map(({ result }) => result);
      for (const result of results) checkStatus(trial, 'accept', result);
      trial.add('accept.c64.perSecond', rateOf(results));
      trial.add('accept.c64.p99Ms', median(results.map(({ latency }) => latency.p99Ms)));
      trial.add('accept.c64.cpuUs', median(slices.map(({ cpuUs }) => cpuUs)));
      trial.add('accept.rssMb', residentMb(Object.values(trial.system.processes)));
    }

    const read = await inSlices(trials, SLICES, (trial) => {
      const { port, keys } = requests(trial);
      const path = `${trial.system.path}/:id`;
      return load.closed({
        requests: { port, keys, method: 'GET', path, ids: ids.get(trial)! },
        ...{ connections: 16, durationMs: 400 * scale },
      });
    });
    for (const [trial, results] of read) {
      for (const result of results) checkStatus(trial, 'get', result, 200);
      trial.add('accept.get.perSecond', rateOf(results));
    }
  });
};

function rateOf(results: readonly LoadResult[]): number {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return sum(results.map(({ count }) => count)) / sum(results.map(({ seconds }) => seconds));
}
