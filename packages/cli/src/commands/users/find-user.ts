/** People are known by name: an id is taken as it is, a name is looked up. */
import type { Fila } from '@fila/sdk';
import { CliError } from '../../output/error-text.ts';
import { EXIT } from '../../output/exit-codes.ts';

export async function userId(fila: Fila, nameOrId: string): Promise<string> {
  if (/^usr_[0-9a-z]{26}$/.test(nameOrId)) return nameOrId;
  const { items } = await fila.users.list();
  const found = items.find(({ name }) => name === nameOrId.toLowerCase());
  if (found) return found.id;
  throw new CliError({
    exitCode: EXIT.notFound,
    code: 'not_found',
    what: `There is nobody called ${nameOrId}`,
    next: [['See who there is', 'fila users list']],
  });
}
