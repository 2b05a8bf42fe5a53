/** `fila dlq list`. */
import type { DeadLetter } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { filterOf, type FilterFlags } from './dead-letter-filter.ts';
import { deadLetterColumns } from './dead-letter-view.ts';

export interface ListDeadLettersFlags extends FilterFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listDeadLetters(context: CliContext, flags: ListDeadLettersFlags): Promise<void> {
  const { all: _all, ...filter } = filterOf(flags, context.now());
  const fila = await context.sdk('admin');
  await printPages<DeadLetter>(context.out, {
    columns: deadLetterColumns(context.now()),
    getPage: (cursor) => fila.deadLetters.list({ ...filter, limit: flags.limit, cursor }).page(),
    cursor: flags.cursor,
    isAll: flags.all === true,
    whenEmpty: 'No dead letters here.',
  });
}
