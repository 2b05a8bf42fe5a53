/** `fila users list`. */
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import { userColumns } from './user-view.ts';

export async function listUsers(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  const { items, next_cursor } = await fila.users.list();
  const printer = listPrinter(context.out, { columns: userColumns(context.now()), name: ({ name }) => name });
  printer.page(items);
  await printer.end(next_cursor);
  if (items.length === 0) context.out.notice('Nobody. Make the first super-admin:  fila setup');
}
