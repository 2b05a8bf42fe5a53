/** `fila users show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { userId } from './find-user.ts';
import { userView } from './user-view.ts';

export async function showUser(context: CliContext, nameOrId: string): Promise<void> {
  const fila = await context.sdk('admin');
  const user = await fila.users.get(await userId(fila, nameOrId));
  await printOne(context.out, user, userView(context.now()));
}
