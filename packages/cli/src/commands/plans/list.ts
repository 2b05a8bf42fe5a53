/** `fila plans list`. */
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import { planColumns } from './plan-view.ts';

export async function listPlans(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  const { items, next_cursor } = await fila.plans.list();
  const printer = listPrinter(context.out, { columns: planColumns(context.now()), name: ({ name }) => name });
  printer.page(items);
  await printer.end(next_cursor);
  if (items.length === 0)
    context.out.notice('No plans. Make one:  fila plans create gold --limit-minute 600');
}
