/** The thread of `checkpoints.ts`: each message is one checkpoint, and `null` the end. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

const db = new DatabaseSync(workerData as string, { timeout: 0 });
// Stands in nobody's way: what a reader still needs, or is written meanwhile, is left for the next time.
const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
const port = parentPort!;

port.on('message', (order: unknown) => {
  if (order === null) {
    db.close();
    port.close();
    return;
  }
  checkpoint.get();
  port.postMessage(null);
});
