/** A thread copies the log into the database while another handle goes on writing. */
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpoints } from './checkpoints.ts';

const PAGE_BYTES = 4_096;

describe('checkpoints', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fila-checkpoints-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  function open(name: string) {
    const file = join(folder, name);
    const db = new DatabaseSync(file);
    for (const pragma of ['journal_mode=WAL', 'synchronous=NORMAL', 'wal_autocheckpoint=0'])
      db.exec(`PRAGMA ${pragma}`);
    db.exec('CREATE TABLE things (content BLOB)');
    const insert = db.prepare('INSERT INTO things VALUES (zeroblob(?))');
    return { file, db, write: (bytes: number) => insert.run(bytes) };
  }

  /** What is in the database without its log. */
  async function countIn(file: string): Promise<number> {
    const copy = `${file}.copy`;
    await copyFile(file, copy);
    const db = new DatabaseSync(copy);
    const found = db.prepare("SELECT COUNT(*) AS n FROM sqlite_master WHERE name = 'things'").get()!;
    const count = found['n'] === 0 ? 0 : Number(db.prepare('SELECT COUNT(*) AS n FROM things').get()!['n']);
    db.close();
    return count;
  }

  it('leaves a log alone that is short', async () => {
    const { file, db, write } = open('short.sqlite');
    const log = checkpoints(file);
    for (let n = 0; n < 5; n++) {
      write(PAGE_BYTES);
      log.committed(PAGE_BYTES);
    }
    await log.close();
    expect(await countIn(file)).toBe(0);
    db.close();
  });

  it('has a long one copied, and the file of the log used again from its beginning', async () => {
    const { file, db, write } = open('long.sqlite');
    const log = checkpoints(file, 20);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 10; n++) {
        write(2 * PAGE_BYTES);
        log.committed(2 * PAGE_BYTES);
      }
      await log.close();
      expect(await countIn(file)).toBeGreaterThanOrEqual(10 * round + 2);
    }
    // Thirty rows of two pages each went through it.
    expect((await stat(`${file}-wal`)).size).toBeLessThan(60 * PAGE_BYTES);
    expect(db.prepare('SELECT COUNT(*) AS n FROM things').get()).toEqual({ n: 30 });
    db.close();
  });

  it('takes no part in what cannot be: without a database there is no thread, and nobody else falls', async () => {
    const log = checkpoints(join(folder, 'no folder', 'missing.sqlite'), 1);
    log.committed(PAGE_BYTES);
    await log.close();
    log.committed(PAGE_BYTES);
    await log.close();
  });
});
