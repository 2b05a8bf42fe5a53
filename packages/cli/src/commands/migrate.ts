/** `fila migrate`: brings the database's tables up to date, or says what that would do. */
import type { Migration } from '@fila/broker';
import type { CliContext } from '../cli-context.ts';
import type { Tone } from '../output/colour.ts';
import { listPrinter } from '../output/formats.ts';
import { progressLine } from '../output/progress.ts';
import type { Column } from '../output/table.ts';
import { readSettings, type SettingFlags } from '../read-settings.ts';

export interface MigrateFlags extends Pick<SettingFlags, 'dataDir' | 'config'> {
  readonly dryRun?: boolean;
}

const TONES: Record<Migration['status'], Tone> = { applied: 'ok', already: 'dim', pending: 'warn' };

const COLUMNS: readonly Column<Migration>[] = [
  { header: 'MIGRATION', yields: true, cell: ({ name }) => ({ exact: name }) },
  { header: 'STATUS', cell: ({ status }) => ({ exact: status, tone: TONES[status] }) },
];

export async function migrateDatabase(
  context: CliContext,
  { dryRun = false, ...flags }: MigrateFlags,
): Promise<void> {
  const { settings } = await readSettings(context, flags);
  const { migrate } = await import('@fila/broker');
  const progress = progressLine(context);
  const migrations = await migrate(settings, {
    dryRun,
    onStep: ({ name, number, of }) => progress.at(`${number} of ${of}: ${name}`, (number - 1) / of),
  }).finally(() => progress.end());
  const printer = listPrinter<Migration>(context.out, { columns: COLUMNS, name: ({ name }) => name });
  printer.page(migrations);
  await printer.end(null);
  const pending = migrations.filter(({ status }) => status === 'pending').length;
  if (pending > 0) context.out.notice(`${pending} to apply. Apply:  fila migrate`);
}
