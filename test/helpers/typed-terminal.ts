/** Runs a program in a pseudo-terminal, as a person would: waits for its questions and types the answers. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterAll } from 'vitest';

export interface Terminal {
  /** All that was on the screen so far, without what moves the cursor or colours. */
  screen(): string;
  /** Waits until this is on the screen, after what was answered before; types the line. */
  answer(question: RegExp, line: string): Promise<void>;
  exitCode(): Promise<number>;
}

const TIMEOUT_MS = 30_000;

/** script(1) of util-linux makes the terminal. */
export const terminalAvailable = spawnSync('script', ['--version']).stdout?.includes('util-linux') === true;

const stopping: (() => void)[] = [];
afterAll(() => stopping.splice(0).forEach((stop) => stop()));

export function inTerminal(words: readonly string[], env: NodeJS.ProcessEnv): Terminal {
  const command = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['-qefc', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  stopping.push(() => child.kill());
  let screen = '';
  let seen = 0;
  let onText = (): void => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += plain(text);
    onText();
  });
  const ended = once(child, 'close').then(([code]) => code as number);

  function shown(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${String(pattern)} did not come:\n${screen}`)),
        TIMEOUT_MS,
      );
      onText = () => {
        const found = pattern.exec(screen.slice(seen));
        if (!found) return;
        seen += found.index + found[0].length;
        clearTimeout(late);
        onText = () => {};
        resolve();
      };
      onText();
      void ended.then(() => {
        clearTimeout(late);
        reject(new Error(`The program ended before ${String(pattern)}:\n${screen}`));
      });
    });
  }

  return {
    screen: () => screen,
    answer: async (question, line) => {
      await shown(question);
      child.stdin.write(`${line}\r`);
    },
    exitCode: () => ended,
  };
}

function plain(text: string): string {
  return text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}
