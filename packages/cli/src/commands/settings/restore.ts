/** `fila settings restore`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { versionView } from './setting-view.ts';

export async function restoreSettings(context: CliContext, version: number): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.settings.restore(version), versionView(context.now()));
}
