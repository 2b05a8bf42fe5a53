/** `fila plans show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { planView } from './plan-view.ts';

export async function showPlan(context: CliContext, name: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.plans.get(name), planView(context.now()));
}
