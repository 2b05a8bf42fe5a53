/** The daemon's settings as a command sees them: its flags, the environment, the file, the defaults. */
import type { LoadedSettings, SettingName } from '@fila/broker';
import type { CliContext } from './cli-context.ts';

export interface SettingFlags {
  readonly port?: string;
  readonly host?: string;
  readonly dataDir?: string;
  /** Path of the file instead of fila.config.json. */
  readonly config?: string;
}

/** Throws the loader's SettingsError, which names all problems at once; it ends as exit code 78. */
export async function readSettings(
  context: CliContext,
  { config, ...given }: SettingFlags,
): Promise<LoadedSettings> {
  const { loadSettings } = await import('@fila/broker');
  const flags: Partial<Record<SettingName, string>> = given;
  return loadSettings({ flags, env: context.host.env, file: config });
}
