/** How long a token takes from the model to somebody who listens at another broker than the one that called the model. */
import { Fila, type StreamEvent } from '@fila/sdk';
import type { ClientKey } from '../systems/system.ts';
import { startTimedModel } from '../systems/timed-model.ts';
import { percentile } from '../statistics.ts';
import { nextPromptStart, shown, withFila, type Scenario } from './scenario.ts';

const STREAMS = 4;
const TOKENS = 300;
/** 50 tokens a second each: what a good card gives. */
const EVERY_MS = 20;

export const relay: Scenario = async (bench) => {
  const tokens = bench.isQuick ? TOKENS / 10 : TOKENS;
  for (let round = 1; round <= bench.rounds; round++) {
    const model = await startTimedModel(tokens, EVERY_MS);
    const plan = { engines: 'shared', slots: STREAMS, brokers: 2, ollamas: [model.url], round } as const;
    try {
      await withFila(bench, plan, async ({ system, key, add }) => {
        const { items } = await system.admin.upstreams.list();
        const isFirst = items[0]!.dispatched_by?.here === true;
        const [here, there] = isFirst ? system.ports : system.ports.toReversed();
        const listen = (port: number) => delaysAt(model, clientOf(port, key));
        await listen(there!)([nextPromptStart()]);
        for (const [where, port] of [
          ['here', here!],
          ['there', there!],
        ] as const) {
          const delays = await listen(port)(Array.from({ length: STREAMS }, nextPromptStart));
          bench.say(`  ${where}: ${delays.length} tokens, most ${shown(Math.max(...delays))} ms`);
          add(`relay.${where}.p50Ms`, percentile(delays, 0.5));
          add(`relay.${where}.p99Ms`, percentile(delays, 0.99));
        }
      });
    } finally {
      model.stop();
    }
  }
};

function clientOf(port: number, { key }: ClientKey): Fila {
  return new Fila({ url: `http://127.0.0.1:${port}`, apiKey: key });
}

/** Of each token of each of these prompts, sent and listened to at once. */
function delaysAt({ writtenAtMs }: Awaited<ReturnType<typeof startTimedModel>>, fila: Fila) {
  return async (prompts: readonly string[]): Promise<number[]> => {
    const all = prompts.map(async (prompt) => {
      const delays: number[] = [];
      const note = (event: StreamEvent): void => {
        const nowMs = performance.now();
        if (event.type !== 'token') return;
        for (const [number] of event.text!.matchAll(/\d+/g))
          delays.push(nowMs - writtenAtMs.get(prompt)![Number(number)]!);
      };
      for await (const event of fila.stream({ prompt })) note(event);
      return delays;
    });
    return (await Promise.all(all)).flat();
  };
}
