/** A new file for a secret that is shown once: only its owner reads it, and nothing is overwritten. */
import { open, type FileHandle } from 'node:fs/promises';
import { CliError, hasCode } from '../output/error-text.ts';
import { EXIT } from '../output/exit-codes.ts';

/** `what` would have been made; `another` is a name to take instead. */
export async function newSecretFile(path: string, what: string, another: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if (!hasCode(error, (code) => code === 'EEXIST')) throw error;
    throw new CliError({
      exitCode: EXIT.conflict,
      code: 'file_exists',
      what: `${path} is there already, and no ${what} was made`,
      next: [['Take another', `--out ${another}`]],
    });
  }
}
