/** `fila models aliases`. */
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import { aliasColumns } from './alias-view.ts';

export async function listAliases(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  const { items, next_cursor } = await fila.models.aliases.list();
  const columns = aliasColumns(context.now());
  const printer = listPrinter(context.out, { columns, name: ({ alias }) => alias });
  printer.page(items);
  await printer.end(next_cursor);
  if (items.length === 0) context.out.notice('No aliases. Make one:  fila models alias fast gemma2:2b');
}
