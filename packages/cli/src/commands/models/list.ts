/** `fila models list`. */
import type { InstalledModel } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import type { Column } from '../../output/table.ts';

const COLUMNS: readonly Column<InstalledModel>[] = [
  { header: 'MODEL', cell: ({ model }) => ({ exact: model, tone: 'strong' }) },
  { header: 'UPSTREAM', cell: ({ upstream }) => ({ exact: upstream }) },
  { header: 'STATE', cell: ({ state }) => ({ exact: state, tone: state === 'installed' ? 'dim' : 'ok' }) },
  { header: 'RUNNING', cell: ({ running }) => ({ exact: String(running) }) },
];

export async function listModels(context: CliContext): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const { items, next_cursor: cursor } = await fila.models.list();
  const printer = listPrinter<InstalledModel>(out, { columns: COLUMNS, name: ({ model }) => model });
  printer.page(items);
  await printer.end(cursor);
  if (items.length === 0)
    out.notice('No models: no upstream is up, or none has one. Look:  fila upstreams list');
}
