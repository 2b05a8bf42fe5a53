/** How fast requests are accepted and read while no model answers: nothing else happens meanwhile. */
import { residentMb } from '../systems/processes.ts';
import { alternate, checkStatus, cpuOf, posts, type Scenario } from './scenario.ts';

const SLOTS = 32;
/** Code that has just started is still being compiled while it runs: what is asked is how it runs on. */
const WARM_UP = 10_000;

export const accept: Scenario = (bench) => {
  const { load, simulator, sink } = bench.servers;
  const scale = bench.isQuick ? 0.25 : 1;
  return alternate(bench, SLOTS, async (trial) => {
    await simulator.prepare({ slots: SLOTS, held: true });
    const requests = () => posts(trial, { callbackUrl: sink.url });
    const warm = await load.closed({
      requests: requests(),
      connections: 64,
      count: WARM_UP * scale,
      keepIds: true,
    });
    checkStatus(trial, 'accept', warm);

    const one = await load.closed({ requests: requests(), connections: 1, durationMs: 2_000 * scale });
    checkStatus(trial, 'accept', one);
    trial.add('accept.c1.perSecond', one.perSecond);
    trial.add('accept.c1.p50Ms', one.latency.p50Ms);

    const { result: many, cpuUs } = await cpuOf(
      trial,
      () => load.closed({ requests: requests(), connections: 64, durationMs: 3_000 * scale }),
      ({ latency }) => latency.count,
    );
    checkStatus(trial, 'accept', many);
    trial.add('accept.c64.perSecond', many.perSecond);
    trial.add('accept.c64.p99Ms', many.latency.p99Ms);
    trial.add('accept.c64.cpuUs', cpuUs);
    trial.add('accept.rssMb', residentMb(Object.values(trial.system.processes)));

    const { port, keys } = requests();
    const read = await load.closed({
      requests: { port, keys, method: 'GET', path: `${trial.system.path}/:id`, ids: warm.ids },
      ...{ connections: 16, durationMs: 1_500 * scale },
    });
    checkStatus(trial, 'get', read, 200);
    trial.add('accept.get.perSecond', read.perSecond);
  });
};
