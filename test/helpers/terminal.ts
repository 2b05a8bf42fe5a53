/** A real terminal without anybody before it: a program in a tmux of its own, its screen, its keys and its size. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findServices } from '../services/provide.ts';

export interface TerminalPlan {
  readonly columns: number;
  readonly rows: number;
  /** Program and arguments; a shell stays when it has ended. */
  readonly command: readonly string[];
  readonly environment: Readonly<NodeJS.ProcessEnv>;
}

export interface Terminal {
  /** Lines of the screen, without spaces at their ends. */
  screen(): string[];
  /** Names as tmux has them: Enter, Escape, Down; or letters. */
  keys(...names: string[]): void;
  resize(columns: number, rows: number): void;
  /** Of the program, while it runs. */
  pid(): number;
  /** Whether a program uses the other screen, which leaves no trace. */
  isAlternate(): boolean;
  isCursorShown(): boolean;
  /** Resolves with the screen when it shows this; rejects with it when it does not in time. */
  shows(what: string | RegExp, timeoutMs?: number): Promise<string>;
  /** Waits until the program stands still behind this question, and types the line. */
  answer(question: RegExp, line: string): Promise<void>;
  /** Resolves when the program has ended. */
  exitCode(): Promise<number>;
  close(): void;
}

const LOOK_EVERY_MS = 100;
const PATIENCE_MS = 20_000;

export function openTerminal({ columns, rows, command, environment }: TerminalPlan): Terminal {
  const tmux = findServices().tmux?.terminal;
  if (!tmux) throw new Error('tmux is not installed.');
  const socket = `fila-${process.pid}-${randomBytes(3).toString('hex')}`;
  const run = (...args: string[]): string =>
    execFileSync(tmux, ['-L', socket, '-f', '/dev/null', '-u', ...args], {
      encoding: 'utf8',
      env: { ...process.env, TERM: 'xterm-256color' },
    });
  const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;
  const assigned = Object.entries(environment).map(([name, value]) => quoted(`${name}=${value ?? ''}`));
  // `set -m`: the program is a job of its own, as in a shell that somebody sits at.
  const line = ['set -m; env', ...assigned, ...command.map(quoted)].join(' ');
  run(
    ...['new-session', '-d', '-x', String(columns), '-y', String(rows)],
    `bash --norc -c ${quoted(`${line}; echo "ended with $?"; exec sleep 600`)}`,
  );
  const asked = (format: string): string => run('display-message', '-p', format).trim();
  const screen = (): string[] => run('capture-pane', '-p').replace(/\n$/, '').split('\n');

  async function shows(what: string | RegExp, timeoutMs = PATIENCE_MS): Promise<string> {
    const giveUpAt = performance.now() + timeoutMs;
    for (;;) {
      const text = screen().join('\n');
      if (typeof what === 'string' ? text.includes(what) : what.test(text)) return text;
      if (performance.now() > giveUpAt) throw new Error(`The terminal never showed ${what}:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  return {
    screen,
    keys: (...names) => void run('send-keys', ...names),
    resize: (width, height) => void run('resize-window', '-x', String(width), '-y', String(height)),
    pid: () => childOf(Number(asked('#{pane_pid}'))),
    isAlternate: () => asked('#{alternate_on}') === '1',
    isCursorShown: () => asked('#{cursor_flag}') === '1',
    shows,
    answer: async (question, line) => {
      await shows(new RegExp(`(?:${question.source})\\n*$`));
      run('send-keys', '-l', line);
      run('send-keys', 'Enter');
    },
    exitCode: async () => Number(/^ended with (\d+)$/m.exec(await shows(/^ended with \d+$/m))![1]),
    close: () => {
      try {
        run('kill-server');
      } catch {
        // It has ended with its last program.
      }
    },
  };
}

/** The program that a shell runs. */
function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return Number(children[0]);
}
