/** `fila batches create`: uploads a file; prints the id, or waits and prints how the batch ended. */
import { readFile } from 'node:fs/promises';
import type { Batch } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { printData, printOne } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { progressLine } from '../../output/progress.ts';
import { batchView, exitCodeOf, progressText, shareOf } from './batch-view.ts';

export async function createBatch(
  context: CliContext,
  file: string,
  { wait = false }: { readonly wait?: boolean },
): Promise<ExitCode> {
  const { out } = context;
  const lines = file === '-' ? await context.readInput() : await readFile(file, 'utf8');
  const fila = await context.sdk('client');
  const batch = await fila.batches.create(lines);
  if (!wait) {
    if (!(await printData(out, batch))) out.print(oneLine(batch.id));
    if (out.isTty) out.notice(`Follow it:  fila batches show ${oneLine(batch.id)}`);
    return EXIT.ok;
  }
  out.notice(`Sent ${oneLine(batch.id)}. Ctrl-C stops the waiting, not the batch.`);
  const progress = progressLine(context);
  const say = (now: Batch): void =>
    progress.isShown ? progress.at(progressText(now), shareOf(now)) : out.notice(progressText(now));
  const last = await fila.batches.wait(batch.id, { onChange: say }).finally(() => progress.end());
  await printOne(out, last, batchView(context.now()));
  return exitCodeOf(last);
}
