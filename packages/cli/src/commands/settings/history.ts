/** `fila settings history`. */
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { versionColumns, type ListedVersion } from './setting-view.ts';

export interface HistoryFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listVersions(context: CliContext, flags: HistoryFlags): Promise<void> {
  const { limit, cursor: first, all } = flags;
  const fila = await context.sdk('admin');
  await printPages<ListedVersion>(context.out, {
    columns: versionColumns(context.now()),
    getPage: async (cursor) => {
      const { items, next_cursor } = await fila.settings.versions({ limit, cursor }).page();
      return { items: items.map((one) => ({ ...one, id: String(one.version) })), next_cursor };
    },
    cursor: first,
    isAll: all === true,
    whenEmpty: 'Nothing was changed while brokers ran.',
  });
}
