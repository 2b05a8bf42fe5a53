/** `fila users set`, `suspend`, `resume`, `remove` and `reset-totp`: what a super-admin changes about others. */
import type { Fila, User } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { oneLine } from '../../output/plain-text.ts';
import { withProof } from '../me/prove.ts';
import { forEachId } from '../for-each-id.ts';
import { userId } from './find-user.ts';

export async function changeUsers(
  context: CliContext,
  names: readonly string[],
  done: string,
  change: (fila: Fila, id: string) => Promise<User>,
): Promise<ExitCode> {
  const fila = await context.sdk('admin');
  return forEachId(context, names, {
    ...{ noun: 'user', done },
    change: async (name) => {
      const id = await userId(fila, name);
      return withProof(context, fila, () => change(fila, id));
    },
  });
}

export async function removeUsers(context: CliContext, names: readonly string[]): Promise<ExitCode> {
  if (!context.isSure && !context.canAsk)
    throw usageError('Removing is for good and there is no terminal to ask on', [
      ['Say so in advance', `fila users remove ${names.join(' ')} --yes`],
    ]);
  if (!context.isSure) {
    const answer = await context.ask(`Remove ${names.map(oneLine).join(', ')} for good? [y/N] `);
    if (!/^y(es)?$/i.test(answer)) {
      context.out.notice('Nobody was removed.');
      return EXIT.failed;
    }
  }
  return changeUsers(context, names, 'removed', (fila, id) => fila.users.remove(id));
}
