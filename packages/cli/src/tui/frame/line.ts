/** Lines of the screen: pieces of text with their meaning, made safe, cut to a width, and painted. */
import { displayWidth, oneLine, shorten } from '../../output/plain-text.ts';
import type { Tone } from '../state/table.ts';

export interface Span {
  readonly text: string;
  readonly tone?: Tone;
  readonly isInverse?: true;
}

export type Line = readonly Span[];

/** Whatever others wrote cannot move a cursor, break a line or change its order; `isPlain`: ASCII only. */
export function safe(text: string, isPlain: boolean): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const line = oneLine(text);
  if (!isPlain) return line;
  return line
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    .replaceAll('…', '.')
    .replace(/[^\x20-\x7e]/gu, '?');
}

/** Exactly `width` columns of a safe text. */
export function padded(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const kept = shorten(text, width);
  const space = ' '.repeat(Math.max(0, width - displayWidth(kept)));
  return align === 'right' ? space + kept : kept + space;
}

/** Exactly `width` columns: what is too long is cut off, what is missing are spaces. */
export function fitted(line: Line, width: number, isPlain: boolean): Line {
  const found: Span[] = [];
  let left = width;
  for (const span of line) {
    if (left <= 0) break;
    let text = safe(span.text, isPlain);
    if (displayWidth(text) > left) text = isPlain ? text.slice(0, left) : shorten(text, left);
    left -= displayWidth(text);
    found.push({ ...span, text });
  }
  if (left > 0)
    found.push({ text: ' '.repeat(left), ...(line.at(-1)?.isInverse ? { isInverse: true } : {}) });
  return found;
}

/** With `end` at the right edge, when there is room for both. */
export function between(start: Line, end: Line, width: number): Line {
  const widthOf = (line: Line): number =>
    line.reduce((sum, { text }) => sum + displayWidth(oneLine(text)), 0);
  const space = width - widthOf(start) - widthOf(end);
  return space > 0 ? [...start, { text: ' '.repeat(space) }, ...end] : start;
}

const COLOURS: Partial<Record<Tone, number>> = { ok: 32, warn: 33, bad: 31, busy: 36 };

/** Without colours bold and inverse remain, and every colour has stood beside a word anyway. */
export function paintLine(line: Line, hasColour: boolean): string {
  let painted = '';
  for (const { text, tone, isInverse } of line) {
    const codes: number[] = [];
    if (isInverse) codes.push(7);
    if (tone === 'strong') codes.push(1);
    if (tone === 'dim' && hasColour && !isInverse) codes.push(2);
    const colour = tone && COLOURS[tone];
    if (colour && hasColour && !isInverse) codes.push(colour);
    painted += codes.length > 0 ? `\u001b[${codes.join(';')}m${text}\u001b[0m` : text;
  }
  return painted;
}

export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}
