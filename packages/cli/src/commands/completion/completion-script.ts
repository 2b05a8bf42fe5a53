/** Writes the completion of a shell: each finds the command that is being typed by the same walk over its words. */
import type { Command } from 'commander';
import { completionTree, type CompletedCommand, type CompletedFlag } from './completion-tree.ts';

type Tree = readonly CompletedCommand[];

export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  const tree = completionTree(program);
  return { bash, zsh, fish }[shell](tree);
}

function bash(tree: Tree): string {
  const words = (list: readonly string[]): string => quoted(list.join(' '));
  return `# fila completion bash
_fila() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" route="" index words=""
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$route \${COMP_WORDS[index]}" in
      ${routesOf(tree).map(quoted).join(' | ')}) route="$route \${COMP_WORDS[index]}" ;;
    esac
  done
  case "$route $before" in
${valueCases(tree, { choices: (list) => `COMPREPLY=($(compgen -W ${words(list)} -- "$word"))`, file: 'COMPREPLY=($(compgen -f -- "$word"))', free: 'COMPREPLY=()' })}
  esac
  if [[ $word == -* ]]; then
    case "$route" in
${tree.map((one) => `      ${quoted(routeOf(one))}) words=${words(flagsOf(tree, one).flatMap(({ names }) => names))} ;;`).join('\n')}
    esac
  else
    case "$route" in
${tree.map((one) => `      ${quoted(routeOf(one))}) words=${words(wordsOf(one))} ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _fila fila`;
}

function zsh(tree: Tree): string {
  const described = (list: readonly (readonly [name: string, about: string])[]): string =>
    list.map(([name, about]) => quoted(`${name.replaceAll(':', '\\:')}:${about}`)).join(' ');
  return `#compdef fila
_fila() {
  local route="" index
  local -a found
  for ((index = 2; index < CURRENT; index++)); do
    case "$route \${words[index]}" in
      (${routesOf(tree).map(quoted).join(' | ')}) route="$route \${words[index]}" ;;
    esac
  done
  case "$route \${words[CURRENT - 1]}" in
${valueCases(tree, { choices: (list) => `compadd -- ${list.map(quoted).join(' ')}`, file: '_files', free: "_message 'value'" })}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    case "$route" in
${tree.map((one) => `      ${quoted(routeOf(one))}) found=(${described(flagsOf(tree, one).flatMap(({ names, about }) => names.map((name) => [name, about] as const)))}) ;;`).join('\n')}
    esac
    _describe -o 'option' found
  else
    case "$route" in
${tree.map((one) => `      ${quoted(routeOf(one))}) found=(${described(one.commands.map(({ name, about }) => [name, about] as const))} ${one.choices.map(quoted).join(' ')}) ;;`).join('\n')}
    esac
    if ((\${#found})); then _describe 'command' found; else _files; fi
  fi
}
if [[ "\${funcstack[1]}" == _fila ]]; then _fila "$@"; else compdef _fila fila; fi`;
}

function fish(tree: Tree): string {
  const flagLine = (where: string, { names, about, value }: CompletedFlag): string => {
    const forms = names.map((name) =>
      name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
    );
    const more =
      value === null
        ? ''
        : value === 'file'
          ? ' -r -F'
          : value === 'free'
            ? ' -x'
            : ` -x -a ${fishQuoted(value.join(' '))}`;
    return `complete -c fila ${where}${forms.join(' ')}${more} -d ${fishQuoted(about)}`;
  };
  const lines = tree.flatMap((one) => {
    const at = `-n ${fishQuoted(`__fila_at ${fishQuoted(one.path)}`)} `;
    return [
      ...one.commands.map(({ name, about }) => `complete -c fila ${at}-f -a ${name} -d ${fishQuoted(about)}`),
      ...(one.choices.length > 0 ? [`complete -c fila ${at}-f -a ${fishQuoted(one.choices.join(' '))}`] : []),
      ...one.flags.map((flag) => flagLine(one.path === '' ? '' : at, flag)),
    ];
  });
  const paths = tree.flatMap(({ path }) => (path === '' ? [] : [fishQuoted(path)]));
  return `# fila completion fish
set -g __fila_paths ${paths.join(' ')}
function __fila_at
  set -l path ""
  set -l words (commandline -opc)
  set -e words[1]
  for word in $words
    set -l longer (string trim -- "$path $word")
    contains -- "$longer" $__fila_paths; and set path "$longer"
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}`;
}

/** One case a flag with a value: that of its command, and global ones wherever they stand. */
function valueCases(
  tree: Tree,
  say: { choices: (list: readonly string[]) => string; file: string; free: string },
): string {
  const cases = tree.flatMap((one) =>
    one.flags.flatMap(({ names, value }) => {
      if (value === null) return [];
      const pattern = names
        .map((name) => (one.path === '' ? `*${quoted(` ${name}`)}` : quoted(`${routeOf(one)} ${name}`)))
        .join(' | ');
      const action = value === 'file' ? say.file : value === 'free' ? say.free : say.choices(value);
      return [[one.path === '', `    (${pattern}) ${action}; return ;;`] as const];
    }),
  );
  // A command's own flag is stronger than a global one of the same name.
  return [...cases.filter(([isGlobal]) => !isGlobal), ...cases.filter(([isGlobal]) => isGlobal)]
    .map(([, line]) => line)
    .join('\n');
}

/** As the walk builds it: with a space before each word. */
function routeOf({ path }: CompletedCommand): string {
  return path === '' ? '' : ` ${path}`;
}

function routesOf(tree: Tree): string[] {
  return tree.filter(({ path }) => path !== '').map(routeOf);
}

function flagsOf(tree: Tree, one: CompletedCommand): readonly CompletedFlag[] {
  return one.path === '' ? one.flags : [...one.flags, ...tree[0]!.flags];
}

function wordsOf({ commands, choices }: CompletedCommand): string[] {
  return [...commands.map(({ name }) => name), ...choices];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Inside single quotes fish reads \\ and \\' as escapes. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
