/** `fila audit export`: all that a verification without a daemon needs. */
import type { CliContext } from '../../cli-context.ts';
import { progressLine } from '../../output/progress.ts';
import { openExport } from '../requests/export-target.ts';

const PAGE = 1000;
const SAY_EVERY = 200;

/** Exact JSON, whatever the format: it is verified byte for byte. */
export async function exportAudit(context: CliContext): Promise<void> {
  const { host, out } = context;
  const fila = await context.sdk('admin');
  const target = await openExport('-', host.stdout);
  const progress = progressLine(context);
  const { items } = await fila.audit.list({ limit: 1 }).page();
  const last = items[0]?.seq ?? 0;
  let rows = 0;
  let checkpoints = 0;
  const write = (value: unknown): Promise<void> => target.write(`${JSON.stringify(value)}\n`);
  try {
    for await (const row of fila.audit.list({ order: 'oldest', limit: PAGE })) {
      await write(row);
      rows += 1;
      // A share of the numbers: old rows may be gone.
      if (rows % SAY_EVERY === 0) progress.at(`${rows} rows`, row.seq / last);
    }
    for await (const checkpoint of fila.audit.checkpoints({ limit: PAGE })) {
      await write(checkpoint);
      checkpoints += 1;
    }
  } finally {
    progress.end();
  }
  out.notice(`${rows} rows and ${checkpoints} checkpoints. Verify:  fila audit verify --file <file>`);
}
