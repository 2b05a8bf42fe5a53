/** `fila verify`. */
import type { Verification } from '@fila/sdk';
import type { CliContext } from '../cli-context.ts';
import { EXIT, type ExitCode } from '../output/exit-codes.ts';
import { listPrinter } from '../output/formats.ts';
import type { Cell, Column } from '../output/table.ts';

type Problem = Verification['problems'][number];

const COLUMNS: readonly Column<Problem>[] = [
  { header: 'RULE', cell: ({ rule }) => ({ exact: rule, tone: 'strong' }) },
  { header: 'COUNT', cell: ({ count }) => ({ exact: String(count) }) },
  {
    header: 'FIXED',
    cell: ({ fixed, can_fix }) => ({ exact: String(fixed), shown: can_fix ? String(fixed) : 'by hand' }),
  },
  { header: 'WHAT', yields: true, cell: ({ about }) => ({ exact: about }) },
  { header: 'FIRST', yields: true, cell: firstCell },
];

/** All that are known in a pipe; to a person one, and how many more there are. */
function firstCell({ sample, count }: Problem): Cell {
  const more = count > 1 ? ` +${count - 1}` : '';
  return { exact: sample.join(' '), shown: `${sample[0] ?? ''}${more}` };
}

export async function verify(context: CliContext, { fix }: { fix?: boolean }): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  const found = fix ? await fila.verify.fix() : await fila.verify.check();
  const { out } = context;
  const printer = listPrinter<Problem>(out, { columns: COLUMNS, name: ({ rule }) => rule });
  printer.page(found.problems);
  await printer.end(null);
  if (found.lanes_reactivated > 0)
    out.notice(`${found.lanes_reactivated} lanes had lost their turn and have it again.`);
  if (found.status === 'consistent') {
    out.notice(found.problems.length === 0 ? '✔ Everything fits together.' : '✔ All of it was fixed.');
    return EXIT.ok;
  }
  out.notice(fix ? '✖ What is left needs a person.' : '✖ Mend what can be mended:  fila verify --fix');
  return EXIT.degraded;
}
