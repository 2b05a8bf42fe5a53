/** `fila audit show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { auditView } from './audit-view.ts';

export async function showAuditRow(context: CliContext, seq: number): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.audit.get(seq), auditView(context.now()));
}
