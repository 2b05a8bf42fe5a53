/** `fila queues set`. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printOne } from '../../output/formats.ts';
import { policyOf, type PolicyFlags } from './policy-flags.ts';
import { queueView } from './queue-view.ts';

export async function setQueue(context: CliContext, name: string, flags: PolicyFlags): Promise<void> {
  const policy = policyOf(flags);
  if (Object.keys(policy).length === 0)
    throw usageError('Nothing to change', [['For example', `fila queues set ${name} --concurrency 2`]]);
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.queues.update(name, policy), queueView(context.now()));
}
