/** `fila queues create`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { policyOf, type PolicyFlags } from './policy-flags.ts';
import { queueView } from './queue-view.ts';

export async function createQueue(context: CliContext, name: string, flags: PolicyFlags): Promise<void> {
  const fila = await context.sdk('admin');
  const queue = await fila.queues.create({ name, ...policyOf(flags) });
  await printOne(context.out, queue, queueView(context.now()));
}
