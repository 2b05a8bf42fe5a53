/** A line with a title that divides the screen. */
import { displayWidth, oneLine } from '../../output/plain-text.ts';
import type { Scene } from '../state/table.ts';
import type { Line } from './line.ts';

export function rule({ state, glyphs }: Scene, title: string, end = ''): Line {
  const right = end === '' ? '' : ` ${oneLine(end)} `;
  const used = displayWidth(oneLine(title)) + displayWidth(right) + 5;
  const middle = glyphs.line.repeat(Math.max(0, state.columns - used));
  return [
    { text: `${glyphs.line} `, tone: 'dim' },
    { text: title, tone: 'strong' },
    { text: ` ${middle}`, tone: 'dim' },
    { text: right },
    { text: glyphs.line, tone: 'dim' },
  ];
}
