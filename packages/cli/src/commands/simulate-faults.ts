/** `fila simulate-faults`: a bad network before a broker, for tests of clients. */
import type { CliContext } from '../cli-context.ts';
import { printData } from '../output/formats.ts';
import { whenPortIsFree } from './port-in-use.ts';
import { runUntilStopped } from './run-until-stopped.ts';

export interface SimulateFaultsFlags {
  readonly port: number;
  readonly host: string;
  readonly target: string;
}

export async function simulateFaults(context: CliContext, flags: SimulateFaultsFlags): Promise<void> {
  const { out } = context;
  const { startSimulatedFaults } = await import('../simulate-faults/simulate-faults.ts');
  await runUntilStopped(context.host, {
    start: () => whenPortIsFree(startSimulatedFaults(flags), { ...flags, command: 'simulate-faults' }),
    onStarted: async ({ url }) => {
      if (!(await printData(out, { url }))) out.print(url);
      out.notice(
        `It passes calls on to ${flags.target}; POST ${url}/_simulate says what goes wrong. Ctrl-C stops it.`,
      );
    },
  });
}
