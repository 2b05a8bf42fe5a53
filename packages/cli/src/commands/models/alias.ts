/** `fila models alias`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { aliasView } from './alias-view.ts';

export async function aliasModel(context: CliContext, alias: string, model: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.models.aliases.set(alias, { model }), aliasView(context.now()));
}
