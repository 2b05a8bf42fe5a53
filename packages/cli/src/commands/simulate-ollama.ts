/** `fila simulate-ollama`: a server that speaks like Ollama and makes its answers up, for trying things out. */
import type { CliContext } from '../cli-context.ts';
import { printData } from '../output/formats.ts';
import { whenPortIsFree } from './port-in-use.ts';
import { runUntilStopped } from './run-until-stopped.ts';

export interface SimulateFlags {
  readonly port: number;
  readonly host: string;
  readonly slots?: number;
  readonly tokensPerSecond?: number;
  readonly firstTokenMs?: number;
  readonly loadMs?: number;
  readonly maxLoadedModels?: number;
  readonly models?: readonly string[];
}

export async function simulateOllama(context: CliContext, flags: SimulateFlags): Promise<void> {
  const { out } = context;
  const { startSimulatedOllama } = await import('../simulate-ollama/simulate-ollama.ts');
  const { maxLoadedModels: maxLoaded, ...settings } = flags;
  const models = flags.models?.map((name) => ({ name }));
  await runUntilStopped(context.host, {
    start: () =>
      whenPortIsFree(startSimulatedOllama({ ...settings, maxLoaded, models }), {
        ...flags,
        command: 'simulate-ollama',
      }),
    onStarted: async ({ url }) => {
      if (!(await printData(out, { url }))) out.print(url);
      out.notice('A SIMULATED Ollama: its answers are made up. Ctrl-C stops it.');
    },
  });
}
