/** The screen itself: one line of text a row, drawn again only where it has changed. */
import { Box, Text, useInput, useWindowSize, type Key } from 'ink';
import { memo, useEffect, useSyncExternalStore, type ReactElement } from 'react';
import { frameOf } from './frame/frame.ts';
import { paintLine } from './frame/line.ts';
import type { Glyphs } from './state/glyphs.ts';
import type { Say } from './state/texts.ts';
import type { TopStore } from './live/store.ts';

export interface TopScreenProps {
  readonly store: TopStore;
  readonly glyphs: Glyphs;
  readonly say: Say;
  readonly hasColour: boolean;
}

const Row = memo(function Row({ text }: { text: string }): ReactElement {
  return <Text wrap="truncate">{text}</Text>;
});

export function TopScreen({ store, glyphs, say, hasColour }: TopScreenProps): ReactElement {
  const state = useSyncExternalStore(store.subscribe, store.shown);
  const { columns, rows } = useWindowSize();
  useEffect(() => store.act({ type: 'size', columns, rows }), [store, columns, rows]);
  useInput((input, key) => {
    for (const name of keyNames(input, key)) store.act({ type: 'key', name });
  });
  const lines = frameOf({ state, glyphs, say }).slice(0, rows);
  return (
    <Box flexDirection="column" width={columns} height={Math.min(lines.length, rows)} overflow="hidden">
      {lines.map((line, index) => (
        <Row key={index} text={paintLine(line, hasColour)} />
      ))}
    </Box>
  );
}

const NAMED: readonly (readonly [keyof Key, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'esc'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
];

/** Fast typing comes as one piece: each character of it is a key. */
export function keyNames(input: string, key: Key): string[] {
  if (key.tab) return [key.shift ? 'shift-tab' : 'tab'];
  const named = NAMED.find(([flag]) => key[flag]);
  if (named) return [named[1]];
  if (key.ctrl) return input.length === 1 ? [`ctrl-${input}`] : [];
  // Escape and a key in quick succession are what a terminal sends for Alt and that key.
  return [
    ...(key.meta ? ['esc'] : []),
    ...[...input].flatMap((character) => {
      if (character === ' ') return ['space'];
      if (character === '\r' || character === '\n') return ['enter'];
      return character < ' ' ? [] : [character];
    }),
  ];
}
