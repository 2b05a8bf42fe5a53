/** `fila settings list`. */
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import { SETTING_COLUMNS } from './setting-view.ts';

export async function listSettings(
  context: CliContext,
  { live }: { readonly live?: boolean },
): Promise<void> {
  const fila = await context.sdk('admin');
  const { items, next_cursor } = await fila.settings.list();
  const printer = listPrinter(context.out, { columns: SETTING_COLUMNS, name: ({ name }) => name });
  printer.page(items.filter((one) => one.live || !live));
  await printer.end(next_cursor);
}
