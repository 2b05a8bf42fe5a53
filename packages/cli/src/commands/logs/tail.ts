/** `fila logs tail`: the newest lines, and with --follow what comes after them. */
import type { LogLine } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { listPrinter } from '../../output/formats.ts';
import { follow } from '../follow.ts';
import { logColumns } from './log-view.ts';

export interface TailFlags {
  readonly lines: number;
  readonly follow?: boolean;
  readonly level?: LogLine['level'];
}

const PAGE = 1000;

export async function tailLogs(context: CliContext, flags: TailFlags): Promise<ExitCode> {
  const { level } = flags;
  const fila = await context.sdk('admin');
  const print = async (lines: readonly LogLine[]): Promise<void> => {
    const columns = logColumns(context.now());
    const printer = listPrinter<LogLine>(context.out, { columns, name: ({ id }) => String(id) });
    printer.page(lines);
    await printer.end(null);
  };
  const { items } = await fila.logs.list({ level, limit: flags.lines }).page();
  let reached = items[0]?.id ?? 0;
  if (items.length > 0) await print(items.reverse());
  if (!flags.follow) return EXIT.ok;
  return follow(context, async () => {
    const { items: fresh } = await fila.logs
      .list({ level, order: 'oldest', cursor: String(reached), limit: PAGE })
      .page();
    reached = fresh.at(-1)?.id ?? reached;
    if (fresh.length > 0) await print(fresh);
  });
}
