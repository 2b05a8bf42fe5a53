/** `fila queues show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { queueView } from './queue-view.ts';

export async function showQueue(context: CliContext, name: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.queues.get(name), queueView(context.now()));
}
