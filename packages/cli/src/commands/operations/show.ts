/** `fila operations show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { operationView } from './operation-view.ts';

export async function showOperation(context: CliContext, id: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.operations.get(id), operationView(context.now()));
}
