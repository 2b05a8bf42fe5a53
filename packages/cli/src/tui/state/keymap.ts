/** Which key does what, where: one table for the keys themselves, for help and for the hints in the last line. */
import type { TextId } from './texts.ts';
import type { ViewName } from './top-state.ts';

export type ActName =
  | 'cancel'
  | 'retry'
  | 'discard'
  | 'suspend'
  | 'resume'
  | 'revoke'
  | 'drain'
  | 'undrain'
  | 'disable'
  | 'enable';

export interface ActRow {
  readonly key: string;
  readonly act: ActName;
  readonly label: TextId;
  readonly needsReason?: true;
  /** The command that does the same; ids follow. */
  readonly command: string;
}

/** UPPERCASE: they change something. Each is confirmed first. */
export const ACTS: Partial<Record<ViewName, readonly ActRow[]>> = {
  requests: [{ key: 'C', act: 'cancel', label: 'act.cancel', command: 'fila requests cancel --all-keys' }],
  dead: [
    { key: 'R', act: 'retry', label: 'act.retry', command: 'fila dlq retry' },
    { key: 'X', act: 'discard', label: 'act.discard', command: 'fila dlq discard', needsReason: true },
  ],
  keys: [
    { key: 'S', act: 'suspend', label: 'act.suspend', command: 'fila keys suspend' },
    { key: 'U', act: 'resume', label: 'act.resume', command: 'fila keys resume' },
    { key: 'X', act: 'revoke', label: 'act.revoke', command: 'fila keys revoke' },
  ],
  upstreams: [
    { key: 'D', act: 'drain', label: 'act.drain', command: 'fila upstreams drain' },
    { key: 'U', act: 'undrain', label: 'act.undrain', command: 'fila upstreams undrain' },
    { key: 'X', act: 'disable', label: 'act.disable', command: 'fila upstreams disable' },
    { key: 'E', act: 'enable', label: 'act.enable', command: 'fila upstreams enable' },
  ],
};

export function actRowOf(view: ViewName, name: ActName): ActRow {
  return ACTS[view]!.find(({ act }) => act === name)!;
}

/** Keys have the names that a person would call them by. */
export const COMMON: readonly (readonly [keys: string, label: TextId])[] = [
  ['1-7 tab', 'key.views'],
  ['j k up down', 'key.move'],
  ['pgup pgdn', 'key.page'],
  ['g G', 'key.ends'],
  ['enter', 'key.open'],
  ['esc', 'key.back'],
  ['/', 'key.filter'],
  ['s', 'key.sort'],
  ['o', 'key.reverse'],
  ['space', 'key.mark'],
  ['r', 'key.refresh'],
  ['z', 'key.hold'],
  ['?', 'key.help'],
  ['q', 'key.quit'],
];

/** What the last line says: as many as there is room for, most useful first, and the two of `LAST_HINTS` always. */
export const HINTS: readonly (readonly [keys: string, label: TextId])[] = [
  ['/', 'key.filter'],
  ['enter', 'key.open'],
  ['s', 'key.sort'],
  ['space', 'key.mark'],
  ['z', 'key.hold'],
];
export const LAST_HINTS: typeof HINTS = [
  ['?', 'key.help'],
  ['q', 'key.quit'],
];
