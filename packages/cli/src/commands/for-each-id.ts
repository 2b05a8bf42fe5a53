/** Does one thing to several ids: says what worked and what did not, and counts that into the exit code. */
import type { CliContext } from '../cli-context.ts';
import {
  CliError,
  troubleJson,
  troubleLines,
  troubleOf,
  usageError,
  type Trouble,
} from '../output/error-text.ts';
import { EXIT, type ExitCode } from '../output/exit-codes.ts';
import { jsonLine, printData } from '../output/formats.ts';
import { oneLine } from '../output/plain-text.ts';

export interface Change<T> {
  readonly noun:
    | 'key'
    | 'request'
    | 'batch'
    | 'dead-letter'
    | 'operation'
    | 'upstream'
    | 'webhook'
    | 'plan'
    | 'queue'
    | 'setting'
    | 'alias'
    | 'penalty'
    | 'user'
    | 'session'
    | 'service-token';
  /** How a person reads it: "key/key_… suspended". */
  readonly done: string | ((item: T) => string);
  readonly change: (id: string) => Promise<T>;
}

/** The ids as given; a single - stands for the words that stdin has, such as the output of `-o name`. */
export async function readIds(context: CliContext, given: readonly string[]): Promise<readonly string[]> {
  if (!given.includes('-')) return given;
  const piped = (await context.readInput()).split(/\s+/).filter((word) => word !== '');
  const ids = given.flatMap((id) => (id === '-' ? piped : [id]));
  if (ids.length === 0) throw usageError('No id came through stdin');
  return ids;
}

/** One after the other, in the order given. One id alone fails with its own exit code, some of several with 3. */
export async function forEachId<T>(
  context: CliContext,
  given: readonly string[],
  { noun, done, change }: Change<T>,
): Promise<ExitCode> {
  const { out } = context;
  const ids = await readIds(context, given);
  const changed: T[] = [];
  const failures: ExitCode[] = [];
  for (const id of ids) {
    try {
      const item = await change(id);
      changed.push(item);
      if (out.format === 'jsonl') out.print(jsonLine(item));
      else if (out.format === 'name') out.print(oneLine(id));
      else if (out.format === 'table' || out.format === 'wide' || out.format === 'csv')
        out.print(`${noun}/${oneLine(id)} ${typeof done === 'string' ? done : oneLine(done(item))}`);
    } catch (error) {
      const trouble = troubleOf(error);
      const named = { ...trouble, what: `${noun}/${id}: ${trouble.what}` };
      if (ids.length === 1) throw new CliError(named);
      failures.push(sayFailure(context, named));
    }
  }
  // jsonl is out already.
  if (out.format === 'json' || out.format === 'yaml') {
    if (ids.length > 1) await printData(out, { items: changed, next_cursor: null });
    else if (changed.length === 1) await printData(out, changed[0]);
  }
  if (failures.length === 0) return EXIT.ok;
  if (changed.length > 0) return EXIT.partial;
  return new Set(failures).size === 1 ? failures[0]! : EXIT.failed;
}

function sayFailure({ out }: CliContext, trouble: Trouble): ExitCode {
  if (out.format === 'json' || out.format === 'jsonl') out.mustSay(troubleJson(trouble));
  else for (const line of troubleLines(trouble, out.noticePaint)) out.mustSay(line);
  return trouble.exitCode;
}
