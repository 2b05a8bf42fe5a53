/** What log files are called, and which of them are too many. */

/** `error`: also what is worse. */
export const KINDS = ['info', 'warning', 'error'] as const;
export type Kind = (typeof KINDS)[number];

export interface LogFile {
  readonly name: string;
  readonly kind: Kind;
  /** 2027-01-31, in UTC. */
  readonly day: string;
  readonly part: number;
  readonly isCompressed: boolean;
}

/** How long lines are kept, by what they are. */
export const KEPT_DAYS: Readonly<Record<Kind, number>> = { info: 30, warning: 60, error: 90 };

const DAY_MS = 86_400_000;
const NAME = /^(info|warning|error)-(\d{4}-\d\d-\d\d)\.(\d{1,6})\.log(\.gz)?$/;

export function logFileName({ kind, day, part }: Pick<LogFile, 'kind' | 'day' | 'part'>): string {
  return `${kind}-${day}.${part}.log`;
}

export function parseLogFileName(name: string): LogFile | null {
  const [, kind, day, part, gz] = NAME.exec(name) ?? [];
  if (!kind || !day) return null;
  return { name, kind: kind as Kind, day, part: Number(part), isCompressed: gz !== undefined };
}

/** Names of files whose days are over, then of the oldest of the least important until the rest is small enough. */
export function tooMany(
  files: readonly (LogFile & { readonly bytes: number })[],
  { nowMs, maxBytes }: { nowMs: number; maxBytes: number },
): string[] {
  const isOver = ({ day, kind }: LogFile): boolean =>
    Date.parse(day) + (KEPT_DAYS[kind] + 1) * DAY_MS <= nowMs;
  const old = files.filter(isOver);
  const rest = files.filter((file) => !isOver(file));
  let bytes = rest.reduce((sum, file) => sum + file.bytes, 0);
  const leastFirst = [...rest].sort(
    (a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.day.localeCompare(b.day) || a.part - b.part,
  );
  const tooLarge: LogFile[] = [];
  for (const file of leastFirst) {
    if (bytes <= maxBytes) break;
    bytes -= file.bytes;
    tooLarge.push(file);
  }
  return [...old, ...tooLarge].map(({ name }) => name);
}
