/** `fila settings diff`: what differs from the defaults, or from one version to another. */
import type { Fila, Setting, SettingVersion } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { CliError } from '../../output/error-text.ts';
import { EXIT } from '../../output/exit-codes.ts';
import { listPrinter } from '../../output/formats.ts';
import type { Column } from '../../output/table.ts';
import { sourceCell, valueCell } from './setting-view.ts';

/** Null: as the start says. */
interface Difference {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

type Overrides = SettingVersion['overrides'];

export async function diffSettings(context: CliContext, from?: number, to?: number): Promise<void> {
  const fila = await context.sdk('admin');
  if (from === undefined) await printChosen(context, await fila.settings.list());
  else await printDifferences(context, await overridesOf(fila, from, to));
}

async function printChosen({ out }: CliContext, { items }: { readonly items: Setting[] }): Promise<void> {
  const columns: Column<Setting>[] = [
    { header: 'NAME', cell: ({ name }) => ({ exact: name, tone: 'strong' }) },
    { header: 'DEFAULT', yields: true, cell: ({ default_value }) => valueCell(default_value) },
    { header: 'VALUE', yields: true, cell: ({ value }) => valueCell(value) },
    { header: 'SOURCE', cell: sourceCell },
  ];
  const chosen = items.filter(({ value, default_value }) => value !== default_value);
  const printer = listPrinter(out, { columns, name: ({ name }) => name });
  printer.page(chosen);
  await printer.end(null);
  if (chosen.length === 0) out.notice('Every setting is as it is by default.');
}

async function printDifferences(
  { out }: CliContext,
  [before, after]: readonly [Overrides, Overrides],
): Promise<void> {
  const columns: Column<Difference>[] = [
    { header: 'NAME', cell: ({ name }) => ({ exact: name, tone: 'strong' }) },
    { header: 'BEFORE', yields: true, cell: (one) => valueCell(one.before) },
    { header: 'AFTER', yields: true, cell: (one) => valueCell(one.after) },
  ];
  const differences = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((name): Difference => ({ name, before: before[name] ?? null, after: after[name] ?? null }))
    .filter((one) => one.before !== one.after);
  const printer = listPrinter(out, { columns, name: ({ name }) => name });
  printer.page(differences);
  await printer.end(null);
  if (differences.length === 0) out.notice('Nothing differs.');
}

/** Reads no further back than the older of the two. */
async function overridesOf(
  fila: Fila,
  from: number,
  to: number | undefined,
): Promise<readonly [Overrides, Overrides]> {
  const known = new Map<number, Overrides>([[0, {}]]);
  let newest: number | undefined;
  for await (const { version, overrides } of fila.settings.versions()) {
    newest ??= version;
    known.set(version, overrides);
    if (version <= Math.min(from, to ?? newest)) break;
  }
  const find = (version: number): Overrides => {
    const overrides = known.get(version);
    if (overrides) return overrides;
    throw new CliError({
      ...{ exitCode: EXIT.notFound, code: 'not_found', what: `There is no version ${version}` },
      next: [['Look for it', 'fila settings history']],
    });
  };
  return [find(from), find(to ?? newest ?? 0)];
}
