/** `fila audit tail`: the newest rows, and with --follow what comes after them. */
import type { AuditRow } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { listPrinter } from '../../output/formats.ts';
import { follow } from '../follow.ts';
import { auditColumns } from './audit-view.ts';

export interface TailFlags {
  readonly lines: number;
  readonly follow?: boolean;
}

const PAGE = 1000;

export async function tailAudit(context: CliContext, flags: TailFlags): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  const print = async (rows: readonly AuditRow[]): Promise<void> => {
    const columns = auditColumns(context.now());
    const printer = listPrinter<AuditRow>(context.out, { columns, name: ({ seq }) => String(seq) });
    printer.page(rows);
    await printer.end(null);
  };
  const { items } = await fila.audit.list({ limit: flags.lines }).page();
  let reached = items[0]?.seq ?? 0;
  if (items.length > 0) await print(items.reverse());
  if (!flags.follow) return EXIT.ok;
  return follow(context, async () => {
    const { items: fresh } = await fila.audit
      .list({ order: 'oldest', cursor: String(reached), limit: PAGE })
      .page();
    reached = fresh.at(-1)?.seq ?? reached;
    if (fresh.length > 0) await print(fresh);
  });
}
