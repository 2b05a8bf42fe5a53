/** Runs one command line to its exit code; whatever goes wrong ends as words on stderr, never as a stack trace. */
import { CommanderError, type Command } from 'commander';
import type { Host } from './cli-context.ts';
import type { Trouble } from './output/error-text.ts';
import { EXIT, type ExitCode } from './output/exit-codes.ts';
import { buildProgram } from './program.ts';

/** `words` are the arguments of the user, without node and the script. */
export async function runProgram(words: readonly string[], host: Host): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const isOutline = words.length === 0 || (words.length === 1 && /^(-h|--help)$/.test(words[0]!));
  const program = buildProgram(host, (code) => (exitCode = code), { isOutline });
  try {
    if (words.length === 0) program.outputHelp();
    else await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // A noun without a verb: commander has shown its help.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    return sayTrouble(error, { words, host, meant: commandsOf(program, words) });
  }
}

/** The commands that the words name, from the first: `keys`, then `list` of it. */
function commandsOf(program: Command, words: readonly string[]): Command[] {
  const found: Command[] = [];
  for (const word of words) {
    const next = (found.at(-1) ?? program).commands.find(
      (one) => one.name() === word || one.aliases().includes(word),
    );
    if (next) found.push(next);
    else if (found.length > 0) break;
  }
  return found;
}

interface Run {
  readonly words: readonly string[];
  readonly host: Host;
  readonly meant: readonly Command[];
}

async function sayTrouble(error: unknown, { words, host, meant }: Run): Promise<ExitCode> {
  const { troubleJson, troubleLines, troubleOf } = await import('./output/error-text.ts');
  const trouble =
    error instanceof CommanderError ? usageTrouble(error, meant) : withList(troubleOf(error), meant);
  if (wantsJson(words)) {
    host.stderr.write(`${troubleJson(trouble)}\n`);
    return trouble.exitCode;
  }
  const { createPaint, wantsColour } = await import('./output/colour.ts');
  const isTty = Boolean(host.stderr.isTTY);
  const paint = createPaint(wantsColour({ flag: !words.includes('--no-color'), env: host.env, isTty }));
  host.stderr.write(`${troubleLines(trouble, paint).join('\n')}\n`);
  return trouble.exitCode;
}

/** Asked of the words themselves, because an error may come before they were understood. */
function wantsJson(words: readonly string[]): boolean {
  return words.some(
    (word, index) =>
      word === '--json' ||
      /^(--output=|-o=?)jsonl?$/.test(word) ||
      (/^jsonl?$/.test(word) && /^(-o|--output)$/.test(words[index - 1] ?? '')),
  );
}

/** "error: unknown command 'kesy'\n(Did you mean keys?)" in our form. */
function usageTrouble({ message }: CommanderError, commands: readonly Command[]): Trouble {
  const [first = '', ...rest] = message.split('\n');
  const [, meant] = /\(Did you mean (?:one of )?(.+)\?\)/.exec(rest.join(' ')) ?? [];
  const what = first.replace(/^error: /, '').replace(/\.+$/, '');
  return {
    exitCode: EXIT.usage,
    code: 'usage',
    what: what.charAt(0).toUpperCase() + what.slice(1),
    next: [
      ...(meant ? [['Did you mean', meant] as const] : []),
      ['See what there is', [...['fila', ...commands.map((one) => one.name())], '--help'].join(' ')],
    ],
  };
}

/** What is not there may be on the list of its kind. */
function withList(trouble: Trouble, [noun]: readonly Command[]): Trouble {
  const list = noun?.commands.find((one) => one.name() === 'list');
  if (trouble.exitCode !== EXIT.notFound || trouble.next || !list) return trouble;
  return { ...trouble, next: [['See which there are', `fila ${noun!.name()} list`]] };
}
