/** How far somebody has read an answer: what an event's id says, and where a stream goes on. */

/** Lengths are in UTF-16 code units, as JavaScript counts them; to a client the whole is opaque. */
export interface Position {
  /** Of the claim whose answer it is: another one begins the answer anew. */
  readonly fence: number;
  readonly thinking: number;
  readonly text: number;
}

export const START: Position = { fence: 0, thinking: 0, text: 0 };

export function writePosition({ fence, thinking, text }: Position): string {
  return `${fence}.${thinking}.${text}`;
}

/** Null when it is none of ours. */
export function readPosition(id: string): Position | null {
  const [, fence, thinking, text] = /^(\d{1,10})\.(\d{1,12})\.(\d{1,12})$/.exec(id) ?? [];
  if (text === undefined) return null;
  return { fence: Number(fence), thinking: Number(thinking), text: Number(text) };
}

/** Part of the answer, and where it ends. */
export interface Piece {
  readonly thinking?: string;
  readonly text?: string;
  readonly at: Position;
}

/** A reader that is cut again and again gets on all the same. */
const LONGEST_PIECE = 4_096;

/** What follows a position of the same answer: its thinking first, as models do. */
export function piecesAfter(at: Position, answer: { thinking: string; text: string }): Piece[] {
  const pieces: Piece[] = [];
  let now = at;
  for (const part of ['thinking', 'text'] as const)
    while (now[part] < answer[part].length) {
      const end = endOfPiece(answer[part], now[part]);
      const piece = answer[part].slice(now[part], end);
      now = { ...now, [part]: end };
      pieces.push({ [part]: piece, at: now });
    }
  return pieces;
}

/** Never in the middle of a character. */
function endOfPiece(text: string, from: number): number {
  const end = Math.min(from + LONGEST_PIECE, text.length);
  return end < text.length && /[\uD800-\uDBFF]/.test(text[end - 1]!) ? end - 1 : end;
}
