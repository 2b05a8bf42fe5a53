/** `--watch`: a list again and again. A terminal shows it in place; a pipe gets the lines that are new or different. */
import { stripVTControlCharacters } from 'node:util';
import { createContext, type CliContext, type GlobalOptions, type Host } from './cli-context.ts';
import { follow, isWorthAsking } from './commands/follow.ts';
import { usageError } from './output/error-text.ts';
import type { ExitCode } from './output/exit-codes.ts';
import { displayWidth, shorten } from './output/plain-text.ts';

export interface Watching {
  readonly everyMs: number;
  readonly host: Host;
  readonly options: GlobalOptions;
}

const LINE_FORMATS = new Set(['table', 'wide', 'jsonl', 'name']);
const USUAL = { columns: 80, rows: 24 };

export async function watchVerb(
  { everyMs, host, options }: Watching,
  verb: (context: CliContext) => Promise<unknown>,
): Promise<ExitCode> {
  const context = createContext(host, options);
  const { format, paint } = context.out;
  const isPlace = host.stdout.isTTY === true;
  if (!isPlace && !LINE_FORMATS.has(format))
    throw usageError(
      `--watch writes a line whenever one is new or different, and ${format} is one document`,
      [['A line for each', '-o jsonl --watch']],
    );

  /** What the verb says, line by line: data, then words for people. */
  async function look(): Promise<{ data: string[]; words: string[] }> {
    const said = { data: '', words: '' };
    const captured = (name: keyof typeof said, { isTTY, columns }: Host['stdout']): Host['stdout'] => ({
      ...{ isTTY, columns, write: (text: string) => void (said[name] += text) },
    });
    const { stdin, stdout, stderr, env, now, signals, exit } = host;
    const inner = { stdin, env, now, signals, exit };
    await verb(
      createContext(
        { ...inner, stdout: captured('data', stdout), stderr: captured('words', stderr) },
        options,
      ),
    );
    const lines = (text: string): string[] =>
      text
        .replace(/\n$/, '')
        .split('\n')
        .filter((line) => line !== '');
    return { data: lines(said.data), words: lines(said.words) };
  }

  let seen = new Set<string>();
  async function writeFresh(): Promise<void> {
    const { data } = await look();
    for (const line of data) if (!seen.has(line)) context.out.print(line);
    seen = new Set(data);
  }

  const place = drawing(host);
  let shown: string[] = [];
  let awayAt: string | null = null;
  async function draw(): Promise<void> {
    const time = new Date(context.now()).toISOString().slice(11, 19);
    try {
      const { data, words } = await look();
      shown = [...data, ...words];
      awayAt = null;
    } catch (error) {
      if (shown.length === 0 || !isWorthAsking(error)) throw error;
      awayAt ??= time;
    }
    const status =
      awayAt === null
        ? paint('dim', `${time} UTC, every ${everyMs / 1000}s. Ctrl-C ends it.`)
        : paint('bad', `The daemon has not answered since ${awayAt} UTC; this is how it was. Asking again.`);
    place(shown, status);
  }

  const once = isPlace ? draw : writeFresh;
  await once();
  return follow(context, once, everyMs);
}

/** Draws over what was drawn before, in one write and no taller than the terminal, so that nothing flickers. */
function drawing({ stdout }: Host): (lines: readonly string[], status: string) => void {
  let drawn = 0;
  return (lines, status) => {
    const { columns, rows } = { columns: stdout.columns ?? USUAL.columns, rows: stdout.rows ?? USUAL.rows };
    const room = rows - 2;
    const hidden = lines.length > room ? lines.length - room + 1 : 0;
    const kept = hidden > 0 ? [...lines.slice(0, room - 1), `… and ${hidden} more lines`] : lines;
    const fitted = [...kept, status].map((line) => fit(line, columns));
    const up = drawn === 0 ? '' : `\r\u001b[${drawn}A`;
    stdout.write(`${up}${fitted.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
    drawn = fitted.length;
  };
}

/** A line that would wrap loses its colours, and its end. */
function fit(line: string, columns: number): string {
  const bare = stripVTControlCharacters(line);
  return displayWidth(bare) <= columns ? line : shorten(bare, columns);
}
