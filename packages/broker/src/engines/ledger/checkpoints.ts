/** Has SQLite's write-ahead log copied into the database by a thread of its own: under load that takes milliseconds, several times a second. */
import { Worker } from 'node:worker_threads';

export interface Checkpoints {
  /** A transaction of about so many bytes was committed. */
  committed(bytes: number): void;
  /** Resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** As SQLite counts by itself. */
const LOG_PAGES = 1_000;
const PAGE_BYTES = 4_096;
/** What a transaction changes beside its rows: inner pages of the table and of its indexes. */
const PAGES_OF_EACH = 8;

/** The built broker is a file beside its thread; the sources are, too. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './checkpoint-thread.ts' : './checkpoint-thread.js',
  import.meta.url,
);

/** The thread is started when the log is long for the first time. One that fails is replaced the next time. */
export function checkpoints(databaseFile: string, logPages = LOG_PAGES): Checkpoints {
  let thread: Worker | undefined;
  let isBusy = false;
  let pages = 0;

  function start(): Worker {
    const started = new Worker(THREAD, { workerData: databaseFile });
    started.unref();
    started.on('message', () => (isBusy = false));
    // The writer makes a checkpoint itself when the log becomes much longer (see sqlite-ledger.ts), and says what is wrong.
    started.on('error', () => undefined);
    started.once('exit', () => {
      isBusy = false;
      if (thread === started) thread = undefined;
    });
    return started;
  }

  return {
    committed: (bytes) => {
      pages += PAGES_OF_EACH + bytes / PAGE_BYTES;
      if (pages < logPages || isBusy) return;
      pages = 0;
      isBusy = true;
      thread ??= start();
      thread.postMessage('checkpoint');
    },
    close: async () => {
      if (!thread) return;
      const ending = thread;
      const exited = new Promise((resolve) => ending.once('exit', resolve));
      ending.ref();
      ending.postMessage(null);
      await exited;
    },
  };
}
