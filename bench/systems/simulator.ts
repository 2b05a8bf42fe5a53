/** The simulated Ollama of the CLI in a process of its own, told over HTTP how fast to be, and asked what it saw. */
import { join } from 'node:path';
import type {
  SimulationPatch,
  SimulationState,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { startHttpDaemon } from './http-daemon.ts';

const CLI = join(import.meta.dirname, '../../packages/cli/bin/fila.js');
/** Short answers: what is measured is the way there and back. */
const ANSWER_TOKENS = 8;

export interface Simulator {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Forgets everything, then takes these settings. */
  prepare(patch: SimulationPatch): Promise<void>;
  control(patch: SimulationPatch): Promise<void>;
  state(shown?: { calls?: number; prompts?: boolean }): Promise<SimulationState>;
  /** Resolves when so many calls have been answered since `prepare`; rejects when nothing moves for 20 s. */
  untilCompleted(count: number): Promise<void>;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 10;
const PATIENCE_MS = 20_000;

export async function startSimulator(): Promise<Simulator> {
  const daemon = await startHttpDaemon({
    name: 'simulator',
    args: (port) => [CLI, 'simulate-ollama', '--port', String(port)],
    readyPath: '/api/version',
  });
  const url = `http://127.0.0.1:${daemon.port}`;

  async function send(path: string, body: object): Promise<void> {
    const answer = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`The simulator refused: ${await answer.text()}`);
  }

  async function state(shown: { calls?: number; prompts?: boolean } = {}): Promise<SimulationState> {
    const query = `calls=${shown.calls ?? 0}&prompts=${shown.prompts ? 1 : 0}`;
    return (await (await fetch(`${url}/_simulate?${query}`)).json()) as SimulationState;
  }

  return {
    ...{ url, port: daemon.port, pid: daemon.pid, state },
    prepare: async (patch) => {
      await send('/_simulate/reset', {});
      await send('/_simulate', { answerTokens: ANSWER_TOKENS, ...patch });
    },
    control: (patch) => send('/_simulate', patch),
    untilCompleted: async (count) => {
      let last = -1;
      let sinceMs = performance.now();
      for (;;) {
        const { counters } = await state();
        if (counters.completed >= count) return;
        if (counters.completed !== last) sinceMs = performance.now();
        if (performance.now() - sinceMs > PATIENCE_MS)
          throw new Error(`Only ${counters.completed} of ${count} calls were answered.`);
        last = counters.completed;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    },
    stop: daemon.kill,
  };
}
