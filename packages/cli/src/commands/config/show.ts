/** `fila config show`. */
import type { CliContext } from '../../cli-context.ts';
import { listPrinter } from '../../output/formats.ts';
import type { Column } from '../../output/table.ts';
import { readSettings } from '../../read-settings.ts';

interface SettingLine {
  readonly name: string;
  readonly env: string;
  readonly value: string;
  readonly origin: string;
  readonly unit: string;
  readonly about: string;
}

const COLUMNS: readonly Column<SettingLine>[] = [
  { header: 'NAME', cell: ({ name }) => ({ exact: name, tone: 'strong' }) },
  {
    header: 'VALUE',
    yields: true,
    cell: ({ value }) => ({ exact: value, shown: value === '' ? '-' : value }),
  },
  {
    header: 'ORIGIN',
    cell: ({ origin }) => ({ exact: origin, tone: origin === 'default' ? 'dim' : 'busy' }),
  },
  { header: 'UNIT', cell: ({ unit }) => ({ exact: unit }) },
  { header: 'ENV', wide: true, cell: ({ env }) => ({ exact: env }) },
  { header: 'ABOUT', wide: true, yields: true, cell: ({ about }) => ({ exact: about }) },
];

export async function showConfig(context: CliContext, flags: { config?: string }): Promise<void> {
  const loaded = await readSettings(context, flags);
  const { describeSettings } = await import('@fila/broker');
  const printer = listPrinter<SettingLine>(context.out, { columns: COLUMNS, name: ({ name }) => name });
  printer.page(describeSettings(loaded));
  await printer.end(null);
}
