/** `fila plans create`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { limitsOf, type LimitFlags } from '../limit-flags.ts';
import { planView } from './plan-view.ts';

export async function createPlan(context: CliContext, name: string, flags: LimitFlags): Promise<void> {
  const fila = await context.sdk('admin');
  const limits = limitsOf(flags) as Record<string, number>;
  await printOne(context.out, await fila.plans.create({ name, ...limits }), planView(context.now()));
}
