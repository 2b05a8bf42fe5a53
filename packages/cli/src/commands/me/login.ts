/** `fila login`: signs in and keeps the session for the commands that follow. */
import type { SignedIn, SignIn } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { writeSession } from '../../contexts.ts';
import { CliError, usageError } from '../../output/error-text.ts';
import { EXIT } from '../../output/exit-codes.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { relativeTime } from '../../output/units.ts';
import { needsTerminal, passwordLines, type PasswordFlags } from './new-password.ts';

export interface LoginFlags extends PasswordFlags {
  readonly code?: string;
}

export async function login(
  context: CliContext,
  given: string | undefined,
  flags: LoginFlags,
): Promise<void> {
  if (!flags.passwordStdin) needsTerminal(context);
  const name = given ?? (flags.passwordStdin ? '' : await context.ask('Name: '));
  if (!name) throw usageError('Signing in needs a name', [['Name it', 'fila login ana']]);
  const password = flags.passwordStdin
    ? (await passwordLines(context, 1))[0]!
    : await context.askSecret('Password: ');
  if (!password) throw usageError('No password was typed');
  const signedIn = await signIn(context, { name, password, ...(flags.code ? { code: flags.code } : {}) });
  const { session, user } = signedIn;
  if (await printData(context.out, { user, session })) return;
  context.out.print(`user/${oneLine(user.name)} signed in`);
}

/** Asks for a code when one is needed and a person is there. */
export async function signIn(context: CliContext, input: SignIn): Promise<SignedIn> {
  const fila = await context.sdk('anyone');
  const send = (body: SignIn): Promise<SignedIn> => fila.sessions.signIn(body, { maxRetries: 0 });
  const body = { client: 'fila (command line)', ...input };
  const signedIn = await send(body)
    .catch(async (error: { code?: unknown }) => {
      if (error.code !== 'totp_required' || input.code !== undefined || !context.canAsk) throw error;
      return send({ ...body, code: await context.ask('Code of the authenticator, or a recovery code: ') });
    })
    .catch((error: { code?: unknown; detail?: string }) => {
      throw error.code === 'unauthorized' ? notRight(input.name, error.detail ?? '') : error;
    });
  const { url } = context.profile();
  const { token, user, session } = signedIn;
  writeSession(context.host.env, { url, token, user: user.name, expires_at: session.expires_at });
  context.out.notice(
    `✔ Signed in to ${oneLine(url)} as ${oneLine(user.name)} (${user.role}); ends ${relativeTime(session.expires_at, context.now())}, or when it is not used.`,
  );
  return signedIn;
}

/** No key or token would help here. */
function notRight(name: string, detail: string): CliError {
  return new CliError({
    exitCode: EXIT.notAllowed,
    code: 'unauthorized',
    what: 'Signing in was refused',
    why: [detail],
    next: [
      ['Try again', `fila login ${name}`],
      ['Forgotten: a super-admin can', `fila users reset-password ${name}`],
    ],
  });
}
