/** `fila help <topic>`: what belongs to no single command. */
import { EXIT_MEANINGS } from '../output/exit-codes.ts';

const TOPICS: Readonly<Record<string, () => string>> = {
  'exit-codes': () =>
    [
      'How fila ends:',
      '',
      ...EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`),
    ].join('\n'),
  output: () => `Data goes to stdout; notices, questions and errors go to stderr.

  table   for people. On a terminal: aligned, times relative to now; columns that do not fit are left out.
          In a pipe: one line a row, cells separated by tabs, no header, nothing cut, times in RFC 3339.
  wide    table with more columns
  json    one document; a list is {"items": [...], "next_cursor": ...}. Errors are JSON on stderr too.
  jsonl   one object a line, written as it comes
  yaml    as json
  csv     a line of titles, then one line a row, as RFC 4180 has it
  name    ids only, for xargs and for:  fila keys suspend -

Lists take --watch, or --watch 500ms: a terminal shows the list in place, a pipe gets each line that is new or
different. Long lists come by the page: --limit, --cursor, --all. Long work shows a bar on a terminal.

Text of others (prompts, answers, names) cannot move your cursor or change your colours: control characters are shown
as pictures. In json, jsonl and yaml they are escaped, so a parser gets them exactly.`,
  environment: () => `What fila reads, beside the settings of the daemon (fila config show -o wide):

  FILA_URL        where the daemon is; --url is stronger
  FILA_CONTEXT    which broker of fila context list; --context and FILA_URL are stronger
  FILA_TOKEN      the admin or a service token, for all but fila requests; --token-file FILE is stronger
  FILA_API_KEY    an API key, for fila requests; --api-key-file FILE is stronger
  FILA_CONFIG_DIR where contexts and sessions are kept; default XDG_CONFIG_HOME/fila, then ~/.config/fila
  FILA_NO_INPUT   never ask, as --no-input
  FILA_LANG       language of fila top: en or pt-BR; else by LC_ALL, LC_MESSAGES, LANG
  FILA_FORCE_TTY  treat stdout as a terminal; a number is its width
  NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM=dumb

On the machine of the daemon nothing is needed: its data folder (FILA_DATA_DIR) says where it listens and holds the
admin token and the key of fila dev, which are used for addresses of this machine only.`,
};

export const TOPIC_NAMES = Object.keys(TOPICS);

export function topicText(name: string): string | undefined {
  return Object.hasOwn(TOPICS, name) ? TOPICS[name]!() : undefined;
}
