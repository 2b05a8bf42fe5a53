/** `fila settings set`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { SETTING_VIEW } from './setting-view.ts';

export async function setSetting(context: CliContext, name: string, value: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.settings.set(name, { value }), SETTING_VIEW);
}
