/** `fila settings unset`. */
import type { Setting } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { forEachId } from '../for-each-id.ts';

export async function unsetSettings(context: CliContext, names: readonly string[]): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, names, {
    noun: 'setting',
    done: ({ value }: Setting) => `is ${value === '' ? 'not set' : value} again`,
    change: (name) => fila.settings.unset(name),
  });
}
