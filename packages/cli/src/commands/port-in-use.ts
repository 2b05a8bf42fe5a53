/** Says which port is taken and how to take another, when a server could not start for that reason. */
import { CliError, hasCode } from '../output/error-text.ts';
import { EXIT } from '../output/exit-codes.ts';

export interface PortUse {
  readonly host: string;
  readonly port: number;
  /** The command to repeat with another port. */
  readonly command: 'serve' | 'dev' | 'simulate-ollama' | 'simulate-faults';
}

export async function whenPortIsFree<T>(starting: Promise<T>, { host, port, command }: PortUse): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    if (!hasCode(error, (code) => code === 'EADDRINUSE')) throw error;
    throw new CliError({
      exitCode: EXIT.failed,
      code: 'port_in_use',
      what: `Port ${port} on ${host} is in use`,
      why: ['Another Fila, or another program, listens there.'],
      next: [
        ['Take another port', `fila ${command} --port ${port === 65_535 ? 7433 : port + 1}`],
        ['Or see who has it', `lsof -i :${port}`],
      ],
    });
  }
}
