/** A new file that only its owner can read, for a secret; one that is there already is left alone. */
import { open, type FileHandle } from 'node:fs/promises';
import { CliError, hasCode } from '../../output/error-text.ts';
import { EXIT } from '../../output/exit-codes.ts';

/** `undone`: what did not happen because of it. */
export async function openSecretFile(path: string, undone: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if (!hasCode(error, (code) => code === 'EEXIST')) throw error;
    throw new CliError({
      exitCode: EXIT.conflict,
      code: 'file_exists',
      what: `${path} is there already, and ${undone}`,
      next: [['Take another', '--out another.key']],
    });
  }
}
