/** Where an export goes: a new file that only its owner can read, or stdout, which is never written faster than it is read. */
import { open } from 'node:fs/promises';
import { CliError, hasCode } from '../../output/error-text.ts';
import { EXIT } from '../../output/exit-codes.ts';
import type { OutStream } from '../../output/out.ts';

export interface ExportTarget {
  /** Resolves when more may be written. */
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

export async function openExport(path: string, stdout: OutStream): Promise<ExportTarget> {
  if (path === '-') return { write: (text) => drained(stdout, text), close: async () => undefined };
  try {
    const file = await open(path, 'wx', 0o600);
    return { write: async (text) => file.appendFile(text), close: () => file.close() };
  } catch (error) {
    if (!hasCode(error, (code) => code === 'EEXIST')) throw error;
    throw new CliError({
      exitCode: EXIT.conflict,
      code: 'file_exists',
      what: `${path} is there already, and nothing was exported`,
      next: [['Take another', '--file another.jsonl']],
    });
  }
}

async function drained(stream: OutStream, text: string): Promise<void> {
  if (text === '' || stream.write(text) !== false) return;
  const emitter = stream as OutStream & Partial<NodeJS.EventEmitter>;
  if (!emitter.once) return;
  await new Promise<void>((resolve) => {
    // A reader that has gone away reads nothing more.
    for (const event of ['drain', 'close']) emitter.once!(event, () => resolve());
  });
}
