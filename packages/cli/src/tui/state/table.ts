/** What a table is made of: columns, cells and the marks of states. */
import { countOf, spanOf } from './figures.ts';
import type { Glyphs } from './glyphs.ts';
import type { Say, TextId } from './texts.ts';
import type { TopState } from './top-state.ts';

export type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'dim' | 'strong';

/** What cells are made with. */
export interface Scene {
  readonly state: TopState;
  readonly glyphs: Glyphs;
  readonly say: Say;
}

/** Text of others goes in as it is: whoever draws it makes it safe. */
export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface Column<T> {
  readonly title: TextId;
  /** Least width; a column that grows takes what is left. */
  readonly width: number;
  readonly grows?: true;
  readonly align?: 'right';
  /** Those with the highest rank go first when there is no room. */
  readonly rank: number;
  readonly cell: (item: T, scene: Scene) => Cell;
  /** Largest first, or A to Z; absent: the table is not sorted by it. */
  readonly order?: (item: T, state: TopState) => number | string;
}

export interface Table<T> {
  readonly columns: readonly Column<T>[];
  readonly items: (state: TopState) => readonly T[];
  readonly id: (item: T) => string;
  /** What a filter looks into. */
  readonly text: (item: T) => string;
}

export const ms = (iso: string | null): number => (iso === null ? 0 : Date.parse(iso) || 0);
export const plain = (text: string | null): Cell => ({
  text: text ?? '-',
  ...(text === null ? { tone: 'dim' } : {}),
});
export const shortId = (id: string): string => id.slice(-10);
export const number = (value: number): Cell => ({
  text: countOf(value),
  ...(value === 0 ? { tone: 'dim' as const } : {}),
});

/** What waits so long is shown as a warning, and as bad. */
const WARN_WAIT_MS = 10_000;
const BAD_WAIT_MS = 60_000;

export function waitCell(waitMs: number | null): Cell {
  if (waitMs === null) return { text: '-', tone: 'dim' };
  const tone = waitMs >= BAD_WAIT_MS ? 'bad' : waitMs >= WARN_WAIT_MS ? 'warn' : undefined;
  return { text: spanOf(waitMs), ...(tone ? { tone } : {}) };
}

const STATES: Record<string, readonly [glyph: keyof Glyphs, tone: Tone]> = {
  pending: ['waiting', 'dim'],
  processing: ['busy', 'busy'],
  completed: ['ok', 'ok'],
  failed: ['bad', 'bad'],
  cancelled: ['off', 'dim'],
  expired: ['warn', 'warn'],
  active: ['ok', 'ok'],
  suspended: ['off', 'warn'],
  revoked: ['bad', 'dim'],
  up: ['ok', 'ok'],
  down: ['bad', 'bad'],
  unknown: ['waiting', 'dim'],
  enabled: ['warn', 'warn'],
  disabled: ['off', 'bad'],
};

export function stateCell(status: string, { glyphs }: Pick<Scene, 'glyphs'>): Cell {
  const [glyph, tone] = STATES[status] ?? ['waiting', 'dim'];
  return { text: `${glyphs[glyph]} ${status}`, tone };
}
