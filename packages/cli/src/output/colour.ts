/** Colours by meaning, and the rule that says whether there are any. */
export type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'dim' | 'strong';

/** Paints a text that is already safe to show. */
export type Paint = (tone: Tone | undefined, text: string) => string;

const CODES: Record<Tone, readonly [number, number]> = {
  ok: [32, 39],
  warn: [33, 39],
  bad: [31, 39],
  busy: [36, 39],
  dim: [2, 22],
  strong: [1, 22],
};

export function createPaint(hasColour: boolean): Paint {
  if (!hasColour) return (_tone, text) => text;
  return (tone, text) => {
    if (!tone) return text;
    const [on, off] = CODES[tone];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}

export interface ColourWishes {
  /** False after --no-color. */
  readonly flag: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether this very stream is a terminal; stdout and stderr are asked apart. */
  readonly isTty: boolean;
}

/** In order: --no-color, NO_COLOR, FORCE_COLOR / CLICOLOR_FORCE, TERM=dumb, CLICOLOR=0, terminal or not. */
export function wantsColour({ flag, env, isTty }: ColourWishes): boolean {
  if (!flag || env['NO_COLOR']) return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (env['CLICOLOR_FORCE'] && env['CLICOLOR_FORCE'] !== '0') return true;
  if (env['TERM'] === 'dumb' || env['CLICOLOR'] === '0') return false;
  return isTty;
}
