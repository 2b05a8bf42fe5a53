/** What the load and the simulated models can do by themselves: no figure above it means anything. */
import { nextPromptStart, type Scenario } from './scenario.ts';

const DURATION_MS = 2_000;

export const baseline: Scenario = async ({ servers, figures, say }) => {
  const { simulator, load } = servers;
  await simulator.prepare({ slots: 64 });
  for (const connections of [1, 32]) {
    const { perSecond, latency } = await load.closed({
      requests: {
        ...{ port: simulator.port, method: 'POST', path: '/api/generate', promptStart: nextPromptStart() },
        body: { model: 'llama3:8b', stream: true },
      },
      ...{ connections, durationMs: DURATION_MS },
    });
    const metric = `baseline.c${connections}.perSecond`;
    figures.add({ metric, system: 'baseline', round: 1, value: perSecond });
    say(
      `  load to simulator, ${connections} connections: ${perSecond.toFixed(0)}/s, p99 ${latency.p99Ms.toFixed(2)} ms`,
    );
  }
};
