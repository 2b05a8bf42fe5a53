/** `fila top`: the live screen. What draws it is loaded here and nowhere else. */
import { setFlagsFromString } from 'node:v8';
import type { CliContext } from '../cli-context.ts';
import { wantsColour } from '../output/colour.ts';
import { usageError } from '../output/error-text.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { findProfile, type ConnectionOptions } from '../profile.ts';
import { isPlainLocale, languageOf } from '../tui/state/texts.ts';
import type { ViewName } from '../tui/state/top-state.ts';

export interface TopCommandOptions extends ConnectionOptions {
  readonly view: ViewName;
  readonly interval: number;
  readonly busiest: number;
  readonly readonly?: boolean;
  readonly ascii?: boolean;
  readonly lang?: string;
  readonly color: boolean;
}

export async function runTop(
  context: CliContext,
  options: TopCommandOptions,
  version: string,
): Promise<ExitCode> {
  const { host } = context;
  const { env, stdin, stdout } = host;
  if (!stdin.isTTY || !stdout.isTTY)
    throw usageError('fila top draws on a terminal, and this is none', [
      ['A line every two seconds', 'fila stats'],
      ['What happens, line by line', 'fila events tail -o jsonl'],
    ]);
  const fila = await context.sdk('admin');
  const { url } = findProfile(options, env);
  // What is drawn lives for one frame. Left alone, V8 would make room for ever more of it: 100 MB within minutes.
  setFlagsFromString('--semi-space-growth-factor=1');
  const { startTop } = await import('../tui/start-top.tsx');
  return startTop({
    ...{ host, fila, url, version, view: options.view, busiest: options.busiest },
    everyMs: options.interval,
    isReadOnly: options.readonly === true,
    isPlain: options.ascii === true || isPlainLocale(env),
    hasColour: wantsColour({ flag: options.color, env, isTty: true }),
    language: languageOf(options.lang, env),
  });
}
