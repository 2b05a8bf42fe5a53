/** How far long work is, on one line of a terminal's stderr: a bar with what is left where the end is known, else words. */
import type { CliContext } from '../cli-context.ts';
import { oneLine, shorten } from './plain-text.ts';
import { coarse } from './units.ts';

export interface Progress {
  /** Whether anybody sees it: a person at a terminal, without --quiet. */
  readonly isShown: boolean;
  /** `share` of the work that is done, 0 to 1; without it only the words. */
  at(words: string, share?: number): void;
  /** Takes the line away. */
  end(): void;
}

const WIDTH = 24;
const CLEAR = '\r\u001b[K';
const USUAL_WIDTH = 80;

export function progressLine({ host: { stderr }, isQuiet, now }: CliContext): Progress {
  if (stderr.isTTY !== true || isQuiet) return { isShown: false, at: () => undefined, end: () => undefined };
  const startMs = now();
  return {
    isShown: true,
    at: (words, share) => {
      const line = share === undefined ? words : `${bar(share)}  ${words}${left(share, now() - startMs)}`;
      stderr.write(`${CLEAR}${shorten(oneLine(line), (stderr.columns ?? USUAL_WIDTH) - 1)}`);
    },
    end: () => void stderr.write(CLEAR),
  };
}

function bar(share: number): string {
  const inside = Math.min(1, Math.max(0, share));
  const done = Math.round(inside * WIDTH);
  return `${'█'.repeat(done)}${'░'.repeat(WIDTH - done)} ${String(Math.floor(inside * 100)).padStart(3)} %`;
}

/** As long again for the rest as for what is done; nothing while there is too little to go by. */
function left(share: number, tookMs: number): string {
  if (share < 0.01 || share >= 1 || tookMs < 1_000) return '';
  return `, ${coarse((tookMs / share) * (1 - share))} left`;
}
