/** What can stand on a command line, read off the definition of the commands. */
import type { Argument, Command, Option } from 'commander';
import type { Chooser } from '../../options.ts';

export interface CompletedFlag {
  /** "--output", and "-o" when there is one. */
  readonly names: readonly string[];
  readonly about: string;
  /** What follows it: nothing, one of these, a file, or what nobody can guess. */
  readonly value: null | readonly string[] | 'file' | 'free';
}

export interface CompletedCommand {
  /** Words after "fila", such as "keys create"; the program itself is "". */
  readonly path: string;
  readonly about: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly flags: readonly CompletedFlag[];
  /** What its arguments may be, where that is known. */
  readonly choices: readonly string[];
}

/** The program and every command below it; global flags belong to the program alone. */
export function completionTree(program: Command): CompletedCommand[] {
  return below(program, '');
}

function below(command: Command, path: string): CompletedCommand[] {
  const visible = command.createHelp().visibleCommands(command);
  // Not the help that commander adds by itself to each group.
  const commands = visible.filter((one) => command.commands.includes(one));
  const own: CompletedCommand = {
    path,
    about: command.description(),
    commands: commands.map((one) => ({ name: one.name(), about: one.description() })),
    flags: command.createHelp().visibleOptions(command).map(flagOf),
    choices: command.registeredArguments.flatMap(choicesOf),
  };
  return [own, ...commands.flatMap((one) => below(one, `${path} ${one.name()}`.trim()))];
}

function flagOf(option: Option): CompletedFlag {
  const names = [option.long, option.short].filter((name) => typeof name === 'string');
  return { names, about: option.description, value: valueOf(option) };
}

function valueOf(option: Option): CompletedFlag['value'] {
  if (!option.required && !option.optional) return null;
  const choices = choicesOf(option);
  if (choices.length > 0) return choices;
  return /<(file|path|dir)>/.test(option.flags) ? 'file' : 'free';
}

function choicesOf({ parseArg }: Option | Argument): readonly string[] {
  return (parseArg as Partial<Chooser<string>> | undefined)?.values ?? [];
}
