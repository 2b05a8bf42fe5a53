/** `fila plans set`. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printOne } from '../../output/formats.ts';
import { limitsOf, type LimitFlags } from '../limit-flags.ts';
import { planView } from './plan-view.ts';

export async function setPlan(context: CliContext, name: string, flags: LimitFlags): Promise<void> {
  const limits = limitsOf(flags) as Record<string, number>;
  if (Object.keys(limits).length === 0)
    throw usageError('Nothing to change', [['For example', `fila plans set ${name} --limit-minute 600`]]);
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.plans.update(name, limits), planView(context.now()));
}
