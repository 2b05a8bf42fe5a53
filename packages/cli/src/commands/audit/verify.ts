/** `fila audit verify`: by the daemon, or here, from an export or with checkpoints that were kept elsewhere. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { AuditCheckpoint, AuditRow, AuditVerification } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { listPrinter, printData } from '../../output/formats.ts';
import type { Column } from '../../output/table.ts';

export interface VerifyFlags {
  readonly checkpoints?: string;
  readonly file?: string;
  readonly publicKey?: string;
}

type Problem = AuditVerification['problems'][number];

const COLUMNS: readonly Column<Problem>[] = [
  {
    header: 'ROW',
    cell: ({ seq, through }) => ({ exact: seq === through ? `${seq}` : `${seq}-${through}` }),
  },
  { header: 'WHAT', cell: ({ kind }) => ({ exact: kind, tone: 'bad' }) },
  { header: 'DETAIL', yields: true, cell: ({ detail }) => ({ exact: detail }) },
];
const PAGE = 1000;

export async function verifyAudit(context: CliContext, flags: VerifyFlags): Promise<ExitCode> {
  const found = await verification(context, flags);
  await say(context, found);
  return found.status === 'intact' ? EXIT.ok : EXIT.degraded;
}

async function verification(context: CliContext, flags: VerifyFlags): Promise<AuditVerification> {
  const { file, checkpoints: keptFile, publicKey } = flags;
  const isHere = file !== undefined || keptFile !== undefined || publicKey !== undefined;
  if (!isHere) return (await context.sdk('admin')).audit.verify();
  const kept = keptFile === undefined ? [] : (await readLines(keptFile)).checkpoints;
  const { verifyTrail } = await import('@fila/broker');
  if (file !== undefined) {
    const { rows, checkpoints } = await readLines(file);
    return verifyTrail({ rows, checkpoints: [...checkpoints, ...kept], publicKey });
  }
  const fila = await context.sdk('admin');
  const checkpoints: AuditCheckpoint[] = [];
  for await (const one of fila.audit.checkpoints({ limit: PAGE })) checkpoints.push(one);
  const rows = fila.audit.list({ order: 'oldest', limit: PAGE });
  return verifyTrail({ rows, checkpoints: [...checkpoints, ...kept], publicKey });
}

/** Both kinds may stand in one file: only checkpoints are signed. */
async function readLines(file: string): Promise<{ rows: AuditRow[]; checkpoints: AuditCheckpoint[] }> {
  const rows: AuditRow[] = [];
  const checkpoints: AuditCheckpoint[] = [];
  let number = 0;
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const value = parsed(line);
    if (value === null) throw usageError(`${file}, line ${number}: neither a row nor a checkpoint`);
    if ('signature' in value) checkpoints.push(value);
    else rows.push(value);
  }
  return { rows, checkpoints };
}

function parsed(line: string): AuditRow | AuditCheckpoint | null {
  try {
    const value = JSON.parse(line) as AuditRow | AuditCheckpoint | null;
    return typeof value?.seq === 'number' && typeof value.hash === 'string' ? value : null;
  } catch {
    return null;
  }
}

async function say({ out }: CliContext, found: AuditVerification): Promise<void> {
  const { status, rows, first_seq, last_seq, checkpoints, problems } = found;
  if (!(await printData(out, found))) {
    const printer = listPrinter<Problem>(out, { columns: COLUMNS, name: ({ seq }) => String(seq) });
    printer.page(problems);
    await printer.end(null);
  }
  const read = `${rows} rows (${first_seq ?? 0} to ${last_seq ?? 0}), ${checkpoints} checkpoints`;
  out.notice(status === 'intact' ? `✔ Intact: ${read}.` : `✖ Broken: ${read}.`);
}
