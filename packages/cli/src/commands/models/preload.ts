/** `fila models preload`. */
import type { ModelPreload } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { listPrinter } from '../../output/formats.ts';
import type { Column } from '../../output/table.ts';

type Loaded = ModelPreload['items'][number];

export interface PreloadFlags {
  readonly upstream?: string;
  readonly keepAlive?: string;
}

const COLUMNS: readonly Column<Loaded>[] = [
  { header: 'UPSTREAM', cell: ({ upstream }) => ({ exact: upstream, tone: 'strong' }) },
  { header: 'STATUS', cell: ({ status }) => ({ exact: status, tone: status === 'loaded' ? 'ok' : 'bad' }) },
  {
    header: 'TOOK',
    cell: ({ took_ms: ms }) => ({ exact: String(ms), shown: `${(ms / 1_000).toFixed(1)} s` }),
  },
  { header: 'ERROR', yields: true, cell: ({ error }) => ({ exact: error ?? '' }) },
];

export async function preloadModel(
  context: CliContext,
  model: string,
  { upstream, keepAlive }: PreloadFlags,
): Promise<ExitCode> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const { items } = await fila.models.preload({ model, upstream, keep_alive: keepAlive });
  const printer = listPrinter<Loaded>(out, { columns: COLUMNS, name: ({ upstream: id }) => id });
  printer.page(items);
  await printer.end(null);
  return items.every(({ status }) => status === 'loaded') ? EXIT.ok : EXIT.degraded;
}
