/** `fila keys show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { keyView } from './key-view.ts';

export async function showKey(context: CliContext, id: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.keys.get(id), keyView(context.now()));
}
