/** `fila queues list`. */
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import { queueColumns } from './queue-view.ts';

export async function listQueues(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  const { items, next_cursor } = await fila.queues.list();
  const columns = queueColumns(context.now());
  const printer = listPrinter(context.out, { columns, name: ({ name }) => name });
  printer.page(items);
  await printer.end(next_cursor);
}
