/** `fila settings get`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { SETTING_VIEW } from './setting-view.ts';

export async function getSetting(context: CliContext, name: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.settings.get(name), SETTING_VIEW);
}
