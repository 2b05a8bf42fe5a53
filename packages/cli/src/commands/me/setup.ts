/** `fila setup`: makes the first super-admin, with the admin token; on a terminal it also signs in. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printOne } from '../../output/formats.ts';
import { userView } from '../users/user-view.ts';
import { signIn } from './login.ts';
import { needsTerminal, newPassword, type PasswordFlags } from './new-password.ts';
import { enableTotp } from './totp.ts';

export interface SetupFlags extends PasswordFlags {
  readonly name?: string;
}

export async function setup(context: CliContext, flags: SetupFlags): Promise<void> {
  const { out } = context;
  if (!flags.passwordStdin) {
    needsTerminal(context);
    out.mustSay('This makes the first super-admin of the broker at');
    out.mustSay(`  ${context.profile().url}`);
    out.mustSay('who then adds everybody else with fila users create.');
  }
  const name = flags.name ?? (flags.passwordStdin ? '' : await context.ask('Name (such as ana): '));
  if (!name) throw usageError('The super-admin needs a name', [['Name it', 'fila setup --name ana']]);
  const fila = await context.sdk('admin');
  const password = await newPassword(context, flags);
  await printOne(out, await fila.users.setUp({ name, password }), userView(context.now()));
  if (flags.passwordStdin) return;
  await signIn(context, { name, password });
  const wants = await context.ask('Switch a second factor on now? An authenticator app is needed. [Y/n] ');
  if (/^n(o)?$/i.test(wants)) out.notice('Later:  fila totp enable');
  else await enableTotp(context);
}
