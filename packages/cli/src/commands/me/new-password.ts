/** A new password from a person, typed twice, or from stdin. */
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';

export interface PasswordFlags {
  readonly passwordStdin?: boolean;
}

export async function newPassword(context: CliContext, { passwordStdin }: PasswordFlags): Promise<string> {
  if (passwordStdin) return (await passwordLines(context, 1))[0]!;
  needsTerminal(context);
  const password = await context.askSecret('New password (12 characters or more): ');
  if (!password) throw usageError('No password was typed');
  if ((await context.askSecret('Once more: ')) !== password) throw usageError('The two are not the same');
  return password;
}

/** So many lines of stdin, without their ends. */
export async function passwordLines(context: CliContext, count: number): Promise<string[]> {
  const lines = (await context.readInput()).split(/\r?\n/).slice(0, count);
  if (lines.length === count && lines.every((line) => line !== '')) return lines;
  throw usageError(count === 1 ? 'No password came through stdin' : `stdin must have ${count} lines`);
}

export function needsTerminal(context: CliContext): void {
  if (!context.canAsk)
    throw usageError('There is no terminal to ask for a password on', [
      ['Pipe it in', 'the same with --password-stdin < file'],
    ]);
}
