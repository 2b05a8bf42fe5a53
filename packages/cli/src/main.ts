/** The process: lends itself to the program and ends with its exit code. */
import { runProgram } from './run-program.ts';

/** What may still hold the process once all is done; nothing that was promised needs it. */
const LINGER_MS = 2000;

// `fila requests list | head` closes the pipe: the reader has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await runProgram(process.argv.slice(2), {
  // Node makes a stream when it is first looked at, which takes longer than showing help does.
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  env: process.env,
  now: Date.now,
  signals: process,
  exit: (code) => process.exit(code),
});
setTimeout(() => process.exit(), LINGER_MS).unref();
