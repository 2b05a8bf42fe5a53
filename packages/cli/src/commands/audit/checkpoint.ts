/** `fila audit checkpoint`: signs the present end, or prints all that were signed. */
import type { AuditCheckpoint } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { listPrinter, printOne, type View } from '../../output/formats.ts';
import { timeCell, type Column } from '../../output/table.ts';

export async function signAudit(context: CliContext, { all }: { readonly all?: boolean }): Promise<void> {
  const fila = await context.sdk('admin');
  const { out } = context;
  if (!all) {
    await printOne(out, await fila.audit.checkpoint(), view(context.now()));
    if (out.isTty) out.notice('Keep it elsewhere:  fila audit checkpoint -o jsonl >> checkpoints.jsonl');
    return;
  }
  const printer = listPrinter<AuditCheckpoint>(out, { columns: columns(context.now()), name: nameOf });
  for await (const checkpoint of fila.audit.checkpoints({ limit: 1000 })) printer.page([checkpoint]);
  await printer.end(null);
}

function nameOf({ seq }: AuditCheckpoint): string {
  return String(seq);
}

function columns(nowMs: number): Column<AuditCheckpoint>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'SEQ', cell: ({ seq }) => ({ exact: String(seq), tone: 'strong' }) },
    { header: 'AT', cell: ({ at }) => time(at) },
    { header: 'HASH', yields: true, cell: ({ hash }) => ({ exact: hash }) },
    { header: 'PUBLIC-KEY', wide: true, cell: ({ public_key }) => ({ exact: public_key }) },
    { header: 'SIGNATURE', wide: true, yields: true, cell: ({ signature }) => ({ exact: signature }) },
  ];
}

function view(nowMs: number): View<AuditCheckpoint> {
  return {
    name: nameOf,
    fields: ({ seq, hash, at, public_key, signature }) => [
      ['seq', { exact: String(seq) }],
      ['hash', { exact: hash }],
      ['at', timeCell(nowMs)(at)],
      ['public key', { exact: public_key }],
      ['signature', { exact: signature }],
    ],
  };
}
