/** `fila batches show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { batchView } from './batch-view.ts';

export async function showBatch(context: CliContext, id: string): Promise<void> {
  const fila = await context.sdk('client');
  await printOne(context.out, await fila.batches.get(id), batchView(context.now()));
}
