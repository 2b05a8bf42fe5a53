/** `fila users create` and `reset-password`: hand out a token with which the person sets a password. */
import type { PasswordReset, User } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { relativeTime } from '../../output/units.ts';
import { withProof } from '../me/prove.ts';
import { userId } from './find-user.ts';

export async function createUser(context: CliContext, name: string, role: User['role']): Promise<void> {
  const fila = await context.sdk('admin');
  const made = await withProof(context, fila, () => fila.users.create({ name, role }));
  await handOver(context, made, `${oneLine(made.user.name)} is a ${made.user.role} now.`);
}

export async function resetPassword(context: CliContext, nameOrId: string): Promise<void> {
  const fila = await context.sdk('admin');
  const id = await userId(fila, nameOrId);
  const made = await withProof(context, fila, () => fila.users.resetPassword(id));
  await handOver(context, made, `${oneLine(made.user.name)} has no password and no session any more.`);
}

/** On stdout is the token alone. */
async function handOver({ out, now, profile }: CliContext, made: PasswordReset, what: string): Promise<void> {
  if (await printData(out, made)) return;
  out.print(oneLine(made.reset_token));
  out.mustSay(out.noticePaint('ok', `✔ ${what}`));
  out.mustSay(
    `  Hand this token over; it is shown this once and ends ${relativeTime(made.expires_at, now())}.`,
  );
  out.mustSay(`  There they type:  fila passwd --reset --url ${oneLine(profile().url)}`);
}
