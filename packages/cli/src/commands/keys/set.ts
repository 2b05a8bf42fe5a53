/** `fila keys set`: changes a key's name, plan, limits, rights and times. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printOne } from '../../output/formats.ts';
import { limitsOf, type LimitFlags } from '../limit-flags.ts';
import { keyView } from './key-view.ts';
import type { RightFlags } from './right-flags.ts';
import { rightsOf } from './rights-of.ts';

export interface SetKeyFlags extends RightFlags {
  readonly name?: string;
  /** `none`: no plan any more. */
  readonly plan?: string;
}

export async function setKey(
  context: CliContext,
  id: string,
  flags: SetKeyFlags & LimitFlags,
): Promise<void> {
  const { name, plan, ...rights } = flags as SetKeyFlags;
  const change = {
    ...(name === undefined ? {} : { name }),
    ...(plan === undefined ? {} : { plan: plan === 'none' ? null : plan }),
    ...limitsOf(flags),
    ...rightsOf(rights, context.now()),
  };
  if (Object.keys(change).length === 0)
    throw usageError('Nothing to change', [['For example', `fila keys set ${id} --plan gold`]]);
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.keys.update(id, change), keyView(context.now()));
}
