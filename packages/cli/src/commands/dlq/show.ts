/** `fila dlq show`: what is known of a dead letter, an empty line, the attempts that failed. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { tabbedLines, tableLines } from '../../output/table.ts';
import { attemptColumns, deadLetterView } from './dead-letter-view.ts';

export async function showDeadLetter(context: CliContext, id: string): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const dead = await fila.deadLetters.get(id);
  await printOne(out, dead, deadLetterView(context.now()));
  if (dead.history.length === 0 || (out.format !== 'table' && out.format !== 'wide')) return;
  const columns = attemptColumns(context.now());
  out.print('');
  const lines = out.isTty ? tableLines(columns, dead.history, out) : tabbedLines(columns, dead.history);
  for (const line of lines) out.print(line);
}
