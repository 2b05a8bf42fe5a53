/** Makes text of others safe to show: nothing in it can move the cursor, colour, hide or reorder what a terminal shows. */

// C0, DEL, C1, line separators, bidirectional marks and overrides, invisible characters, the tag block.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** Control characters as their pictures (ESC becomes ␛), so that a reader sees that there was one. */
function picture(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? '\u2421' : '\ufffd';
}

/** For a table cell or a sentence: one line, without tabs. */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\r\n\t]+/g, ' ')
    .replace(UNSAFE, picture);
}

/** For an answer: line breaks and tabs stay. */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replaceAll('\r\n', '\n')
    .replace(UNSAFE, (character) =>
      character === '\n' || character === '\t' ? character : picture(character),
    );
}

/** For JSON and YAML in double quotes: the same characters as \\uXXXX, which a parser turns back into them. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character === '\n' || character === '\t'
      ? character
      : Array.from({ length: character.length }, (_, index) => unicodeEscape(character, index)).join(''),
  );
}

function unicodeEscape(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`;
}

export function isSafe(text: string): boolean {
  return escapeUnsafe(text) === text;
}

const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}|\ufe0f/u;
const WITHOUT_WIDTH = /^[\p{Mn}\p{Me}\u200c\u200d\ufe00-\ufe0f]+$/u;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Columns of a terminal that a safe line takes. */
export function displayWidth(line: string): number {
  if (/^[\x20-\x7e]*$/.test(line)) return line.length;
  let width = 0;
  for (const { segment } of segmenter.segment(line)) width += segmentWidth(segment);
  return width;
}

/** At most `width` columns of a safe line, with … where something is missing. */
export function shorten(line: string, width: number): string {
  if (displayWidth(line) <= width) return line;
  let kept = '';
  let used = 0;
  for (const { segment } of segmenter.segment(line)) {
    used += segmentWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return width > 0 ? `${kept}…` : '';
}

function segmentWidth(segment: string): number {
  if (WITHOUT_WIDTH.test(segment)) return 0;
  return WIDE.test(segment) ? 2 : 1;
}
