/** `fila serve`: the daemon in the foreground. Its log goes to stdout as JSON lines. */
import type { CliContext } from '../cli-context.ts';
import { readSettings, type SettingFlags } from '../read-settings.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { startDaemon } from './start-daemon.ts';

export async function serve(context: CliContext, flags: SettingFlags): Promise<void> {
  const loaded = await readSettings(context, flags);
  // For a person who started it; a service manager has the log.
  const say = (line: string): void => {
    if (context.host.stderr.isTTY) context.out.notice(line);
  };
  await runUntilStopped(context.host, {
    start: () => startDaemon(loaded, 'serve'),
    onStarted: ({ url }) => say(`Fila listens on ${url}. Ctrl-C stops it.`),
    onStopping: () => say('Stopping: running calls may end first. Ctrl-C again ends it at once.'),
  });
}
