/** The marks of the screen, for terminals with good fonts and for all others. Each stands beside a word, never alone. */

export interface Glyphs {
  readonly ok: string;
  readonly busy: string;
  readonly waiting: string;
  readonly warn: string;
  readonly bad: string;
  readonly off: string;
  readonly cursor: string;
  readonly mark: string;
  readonly up: string;
  readonly down: string;
  readonly line: string;
  readonly levels: string;
  readonly isPlain: boolean;
}

export const FINE: Glyphs = {
  ...{ ok: '✔', busy: '▶', waiting: '…', warn: '~', bad: '✖', off: '‖' },
  ...{ cursor: '▸', mark: '▣', up: '▲', down: '▼', line: '─', levels: '▁▂▃▄▅▆▇█', isPlain: false },
};

export const PLAIN: Glyphs = {
  ...{ ok: '+', busy: '>', waiting: '.', warn: '~', bad: 'X', off: '=' },
  ...{ cursor: '>', mark: '*', up: '^', down: 'v', line: '-', levels: '_.:-=+*#', isPlain: true },
};
