/** Starts the daemon; what a person can put right is said so that they can. */
import type { LoadedSettings, RunningBroker } from '@fila/broker';
import { CliError, hasCode } from '../output/error-text.ts';
import { EXIT } from '../output/exit-codes.ts';
import { whenPortIsFree } from './port-in-use.ts';

/** An address or a folder that is not there, not ours or full. */
const CANNOT_USE = new Set(['EACCES', 'EPERM', 'EADDRNOTAVAIL', 'ENOENT', 'ENOTDIR', 'EROFS', 'ENOSPC']);

export async function startDaemon(loaded: LoadedSettings, command: 'serve' | 'dev'): Promise<RunningBroker> {
  const { settings } = loaded;
  const { startBroker } = await import('@fila/broker');
  try {
    return await whenPortIsFree(startBroker(loaded), { ...settings, command });
  } catch (error) {
    if (hasCode(error, (code) => CANNOT_USE.has(code)))
      throw new CliError({
        exitCode: EXIT.failed,
        code: 'cannot_start',
        what: `The daemon cannot start on ${settings.host}:${settings.port} with the data folder ${settings.dataDir}`,
        why: [error instanceof Error ? error.message : String(error)],
        next: [['Choose others', `fila ${command} --host 127.0.0.1 --port 7433 --data-dir DIR`]],
      });
    throw error;
  }
}
