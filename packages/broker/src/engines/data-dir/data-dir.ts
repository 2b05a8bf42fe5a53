/** The daemon's folder: one daemon at a time, its secrets as 0600 files, and who ran here before. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface DataDir {
  /** Names of earlier runs in this folder that may still own leases: their process is dead, or the lock were not ours. */
  readonly earlierRuns: readonly string[];
  /** Forgets earlier runs, once what they held was given back. */
  forgetEarlierRuns(): void;
  /** The content of a secret file, never empty; made with `create` when it is not there. */
  secret(name: string, create: () => string): string;
  /** Tells the CLI of this machine where the daemon listens. */
  announce(url: string): void;
  close(): void;
}

export class DataDirInUse extends Error {
  override readonly name = 'DataDirInUse';
}

const SQLITE_BUSY = 5;

/**
 * The lock is an exclusive transaction on a small SQLite file: the system takes it back when the process dies, however
 * it dies, which a file with a process id in it cannot promise.
 */
export function openDataDir(path: string, run: string): DataDir {
  makeFolder(resolve(path));
  const lock = new DatabaseSync(join(path, 'daemon.lock'), { timeout: 0 });
  try {
    lock.exec(
      'PRAGMA journal_mode=DELETE; PRAGMA locking_mode=EXCLUSIVE; CREATE TABLE IF NOT EXISTS runs (name TEXT PRIMARY KEY); BEGIN EXCLUSIVE; COMMIT',
    );
  } catch (error) {
    lock.close();
    if (((error as { errcode?: number }).errcode ?? 0) % 256 !== SQLITE_BUSY) throw error;
    throw new DataDirInUse(
      `Another Fila daemon is running in ${path}. Stop it, or give this one its own FILA_DATA_DIR.`,
      { cause: error },
    );
  }
  const earlierRuns = (lock.prepare('SELECT name FROM runs').all() as { name: string }[]).map(
    (row) => row.name,
  );
  lock.prepare('INSERT INTO runs (name) VALUES (?)').run(run);
  const daemonFile = join(path, 'daemon.json');

  return {
    earlierRuns,
    forgetEarlierRuns: () => {
      lock.prepare('DELETE FROM runs WHERE name <> ?').run(run);
    },
    secret: (name, create) => readOrCreate(join(path, name), create),
    announce: (url) => writePrivate(daemonFile, JSON.stringify({ url, pid: process.pid })),
    close: () => {
      if (!lock.isOpen) return;
      rmSync(daemonFile, { force: true });
      lock.close();
    },
  };
}

/** Step by step, because Node's recursive mkdir never returns where nothing can be made (nodejs: /proc/x). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function readOrCreate(file: string, create: () => string): string {
  try {
    const value = readFileSync(file, 'utf8').trim();
    // An empty secret would protect nothing, and a new one in its place could not open what the old one sealed.
    if (value === '')
      throw new Error(`${file} is empty. Put the secret back, or delete the file for a new one.`);
    return value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const value = create();
  writePrivate(file, `${value}\n`);
  return value;
}

/** Whole or not at all: a crash in between leaves the old file. */
function writePrivate(file: string, content: string): void {
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}
