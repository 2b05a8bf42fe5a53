/** `fila passwd`: the own password, anew; or the first one, with the token that a super-admin handed over. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printOne } from '../../output/formats.ts';
import { readSecretFile } from '../../profile.ts';
import { userView } from '../users/user-view.ts';
import { needsTerminal, newPassword, passwordLines, type PasswordFlags } from './new-password.ts';

export interface PasswdFlags extends PasswordFlags {
  readonly reset?: boolean;
  readonly resetTokenFile?: string;
}

export async function passwd(context: CliContext, flags: PasswdFlags): Promise<void> {
  const view = userView(context.now());
  if (flags.reset || flags.resetTokenFile !== undefined) {
    const reset_token = await resetToken(context, flags);
    const password = await newPassword(context, flags);
    const fila = await context.sdk('anyone');
    await printOne(context.out, await fila.me.setPassword({ reset_token, password }), view);
    return context.out.notice('✔ The password is set. Sign in:  fila login');
  }
  const fila = await context.sdk('admin');
  if (!flags.passwordStdin) needsTerminal(context);
  const [current_password, new_password] = flags.passwordStdin
    ? ((await passwordLines(context, 2)) as [string, string])
    : [await context.askSecret('Present password: '), await newPassword(context, flags)];
  const user = await fila.me.changePassword({ current_password, new_password });
  await printOne(context.out, user, view);
  context.out.notice('✔ The password is changed, and the other sessions have ended.');
}

async function resetToken(context: CliContext, { resetTokenFile }: PasswdFlags): Promise<string> {
  if (resetTokenFile !== undefined) return readSecretFile('--reset-token-file', resetTokenFile);
  if (!context.canAsk)
    throw usageError('There is no terminal to ask for the reset token on', [
      ['Put it into a file', 'fila passwd --reset-token-file FILE --password-stdin < PASSWORD'],
    ]);
  return (await context.askSecret('Reset token (fila_reset_…): ')).trim();
}
