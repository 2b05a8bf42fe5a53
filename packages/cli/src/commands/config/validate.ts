/** `fila config validate`. */
import type { CliContext } from '../../cli-context.ts';
import { printData } from '../../output/formats.ts';
import { readSettings } from '../../read-settings.ts';

export async function validateConfig(context: CliContext, flags: { config?: string }): Promise<void> {
  const { out } = context;
  await readSettings(context, flags);
  if (!(await printData(out, { valid: true })))
    out.print(out.format === 'name' ? 'ok' : 'ok: the configuration is valid');
}
