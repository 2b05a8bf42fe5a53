/** Where a command's words go: data to stdout, everything else to stderr. */
import type { Format } from '../options.ts';
import { createPaint, wantsColour, type Paint } from './colour.ts';

export interface OutStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface Out {
  readonly format: Format;
  /** Whether a person looks at stdout. */
  readonly isTty: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  /** Colours for stdout. */
  readonly paint: Paint;
  /** Colours for stderr. */
  readonly noticePaint: Paint;
  now(): number;
  /** A line of data. */
  print(line: string): void;
  /** Part of a line of data. */
  write(text: string): void;
  /** A line for people; --quiet silences it. */
  notice(line: string): void;
  /** A line for people that --quiet does not silence: warnings, secrets that are shown once. */
  mustSay(line: string): void;
}

export interface OutSetup {
  readonly stdout: OutStream;
  readonly stderr: OutStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly format: Format;
  /** False after --no-color. */
  readonly color: boolean;
  readonly quiet: boolean;
  readonly now: () => number;
}

const USUAL_WIDTH = 80;

export function createOut({ stdout, stderr, env, format, color, quiet, now }: OutSetup): Out {
  // FILA_FORCE_TTY treats a pipe as a terminal; a number is its width.
  const forced = env['FILA_FORCE_TTY'];
  const isTty = Boolean(stdout.isTTY) || Boolean(forced);
  const mustSay = (line: string): void => void stderr.write(`${line}\n`);
  return {
    format,
    isTty,
    width:
      /^\d+$/.test(forced ?? '') && Number(forced) > 1 ? Number(forced) : (stdout.columns ?? USUAL_WIDTH),
    paint: createPaint(wantsColour({ flag: color, env, isTty })),
    noticePaint: createPaint(wantsColour({ flag: color, env, isTty: Boolean(stderr.isTTY) })),
    now,
    write: (text) => void stdout.write(text),
    print: (line) => void stdout.write(`${line}\n`),
    notice: (line) => {
      if (!quiet) mustSay(line);
    },
    mustSay,
  };
}
