/** `fila batches results` and `fila batches errors`: lines as they come, never more than a few in memory. */
import { unlink } from 'node:fs/promises';
import type { CliContext } from '../../cli-context.ts';
import { jsonLine } from '../../output/formats.ts';
import { openExport } from '../requests/export-target.ts';

export interface LinesFlags {
  readonly outcome: 'results' | 'errors';
  /** - is stdout. */
  readonly file: string;
}

export async function writeLines(
  context: CliContext,
  id: string,
  { outcome, file }: LinesFlags,
): Promise<void> {
  const fila = await context.sdk('client');
  const target = await openExport(file, context.host.stdout);
  let count = 0;
  try {
    for await (const line of fila.batches[outcome](id)) {
      await target.write(`${jsonLine(line)}\n`);
      count += 1;
    }
  } catch (error) {
    // Half of it must not be taken for all of it.
    if (file !== '-') await unlink(file).catch(() => undefined);
    throw error;
  } finally {
    await target.close();
  }
  context.out.notice(`${count} ${outcome}${file === '-' ? '' : ` in ${file}`}.`);
}
