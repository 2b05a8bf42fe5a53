/** `fila totp …`: the own second factor. */
import type { CliContext } from '../../cli-context.ts';
import { CliError, usageError } from '../../output/error-text.ts';
import { EXIT } from '../../output/exit-codes.ts';
import { printData } from '../../output/formats.ts';
import { withProof } from './prove.ts';

const TRIES = 3;

export async function enableTotp(context: CliContext): Promise<void> {
  const { out } = context;
  if (!context.canAsk)
    throw usageError('A second factor is switched on at a terminal: its first code is asked for');
  const fila = await context.sdk('admin');
  const { uri, secret } = await withProof(context, fila, () => fila.me.enrolTotp());
  const { renderUnicodeCompact } = await import('uqr');
  out.mustSay('Scan this with an authenticator app:\n');
  out.mustSay(renderUnicodeCompact(uri));
  out.mustSay(`\nOr type it in: ${secret.replaceAll(/(.{4})/g, '$1 ').trim()}`);
  out.mustSay(uri);
  for (let left = TRIES; left > 0; left--) {
    const code = (await context.ask('Code that it shows now: ')).replaceAll(' ', '');
    const confirmed = /^\d{6}$/.test(code) && (await confirm(() => fila.me.confirmTotp({ code })));
    if (confirmed) return showCodes(context, confirmed.codes);
    out.mustSay('That is not the present code.');
  }
  throw new CliError({
    exitCode: EXIT.failed,
    code: 'totp_not_confirmed',
    what: 'The second factor is not on: no code was right',
    why: ['A clock that is wrong, here or on the phone, is the usual reason.'],
    next: [['Again', 'fila totp enable']],
  });
}

async function confirm<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if ((error as { code?: unknown }).code === 'validation_failed') return null;
    throw error;
  }
}

export async function disableTotp(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  await withProof(context, fila, () => fila.me.removeTotp());
  context.out.notice('✔ The second factor is off, and its recovery codes are gone.');
}

export async function newCodes(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  const { codes } = await withProof(context, fila, () => fila.me.newRecoveryCodes());
  await showCodes(context, codes);
}

async function showCodes(context: CliContext, codes: readonly string[]): Promise<void> {
  const { out } = context;
  out.mustSay('✔ The second factor is on. Recovery codes, each good once instead of a code:');
  if (!(await printData(out, { codes }))) for (const code of codes) out.print(code);
  out.mustSay(out.noticePaint('warn', 'They are shown this once. Keep them where the phone is not.'));
}
