/** `fila sessions revoke`: ends sessions by id, all the other own ones, or those of everybody. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { printData } from '../../output/formats.ts';
import { withProof } from '../me/prove.ts';
import { forEachId } from '../for-each-id.ts';
import { userId } from '../users/find-user.ts';

export interface RevokeSessionsFlags {
  readonly others?: boolean;
  readonly all?: boolean;
  readonly user?: string;
}

export async function revokeSessions(
  context: CliContext,
  ids: readonly string[],
  flags: RevokeSessionsFlags,
): Promise<ExitCode | void> {
  const ways = [ids.length > 0, flags.others, flags.all, flags.user !== undefined].filter(Boolean).length;
  if (ways !== 1)
    throw usageError('Say which sessions: ids, --others, --user NAME or --all', [
      ['See which there are', 'fila sessions list'],
    ]);
  const fila = await context.sdk('admin');
  if (ids.length > 0) {
    const { permissions } = await fila.sessions.whoami();
    const mayAll = permissions.includes('sessions.revoke');
    return forEachId(context, ids, {
      ...{ noun: 'session', done: 'ended' },
      change: (id) => (mayAll ? fila.sessions.revoke(id) : fila.sessions.revokeOwn(id)),
    });
  }
  const body = flags.user === undefined ? {} : { user: await userId(fila, flags.user) };
  const result = flags.others
    ? await fila.sessions.revokeOthers()
    : await withProof(context, fila, () => fila.sessions.revokeAll(body));
  if (!(await printData(context.out, result))) context.out.print(`${result.ended} sessions ended`);
}
