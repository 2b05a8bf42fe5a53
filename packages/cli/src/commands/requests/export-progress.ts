/** How far an export is, on a terminal's stderr: a bar where the range of time is known, else the count alone. */
import type { CliContext } from '../../cli-context.ts';
import { momentOf } from '../moment-of.ts';

export interface ExportProgress {
  readonly at: (count: number, oldest: string | undefined) => void;
  /** Takes the line away. */
  end(): void;
}

const WIDTH = 24;
const CLEAR = '\r\u001b[K';

/** Newest first: what lies between now and the oldest that was written is done. */
export function exportProgress(context: CliContext, since: string | undefined): ExportProgress {
  const { stderr } = context.host;
  const startMs = context.now();
  const endMs = since === undefined ? undefined : Date.parse(momentOf('--since', since, startMs)!);
  if (stderr.isTTY !== true || context.isQuiet) return { at: () => undefined, end: () => undefined };
  return {
    at: (count, oldest) => {
      const isRange = endMs !== undefined && endMs < startMs && oldest !== undefined;
      const share = isRange ? (startMs - Date.parse(oldest)) / (startMs - endMs) : undefined;
      stderr.write(`${CLEAR}${share === undefined ? '' : `${bar(share)} `}${count} requests`);
    },
    end: () => void stderr.write(CLEAR),
  };
}

function bar(share: number): string {
  const inside = Math.min(1, Math.max(0, share));
  const done = Math.round(inside * WIDTH);
  return `${'█'.repeat(done)}${'░'.repeat(WIDTH - done)} ${String(Math.round(inside * 100)).padStart(3)} %`;
}
