/** Runs the real program in this process with captured streams; for tests. */
import { EventEmitter } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { runProgram } from '../run-program.ts';

export interface CliSetup {
  readonly env?: Record<string, string>;
  /** What is piped in. */
  readonly stdin?: string;
  /** What a person types, line by line; makes all three streams terminals. */
  readonly typed?: readonly string[];
  /** Makes stdout and stderr terminals of this width. */
  readonly columns?: number;
  readonly nowMs?: number;
  /** Called with all of stdout so far, to send signals at the right moment. */
  readonly onStdout?: (text: string, signals: EventEmitter) => void;
  readonly onStderr?: (text: string, signals: EventEmitter) => void;
}

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Codes the program asked the process to end with at once. */
  readonly exits: readonly number[];
}

/** An empty folder's worth of environment: no daemon, no secrets, no colours. */
const NOTHING = {
  FILA_DATA_DIR: '/nonexistent/fila',
  FILA_CONFIG_DIR: '/nonexistent/fila-config',
  NO_COLOR: '1',
};

export async function runCli(words: readonly string[], setup: CliSetup = {}): Promise<CliRun> {
  const isTty = setup.typed !== undefined || setup.columns !== undefined;
  const signals = new EventEmitter();
  const exits: number[] = [];
  const stdout = capture(isTty, setup.columns, (text) => setup.onStdout?.(text, signals));
  const stderr = capture(isTty, setup.columns, (text) => setup.onStderr?.(text, signals));
  const code = await runProgram(words, {
    stdin: setup.typed ? typing(setup.typed) : Readable.from([setup.stdin ?? '']),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { ...NOTHING, ...setup.env },
    now: () => setup.nowMs ?? Date.now(),
    signals,
    exit: (exitCode) => void exits.push(exitCode),
  });
  return { code, stdout: stdout.text(), stderr: stderr.text(), exits };
}

function capture(isTTY: boolean, columns: number | undefined, onText: (text: string) => void) {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      text += chunk;
      onText(text);
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: columns ?? 80 }), text: () => text };
}

/** The input ends after the last line, as with Ctrl-D. */
function typing(lines: readonly string[]): NodeJS.ReadableStream & { isTTY: boolean } {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  for (const line of lines) input.write(`${line}\n`);
  input.end();
  return input;
}
