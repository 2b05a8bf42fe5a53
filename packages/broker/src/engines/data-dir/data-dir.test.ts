import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DataDirInUse, openDataDir, type DataDir } from './data-dir.ts';

const undo: (() => void)[] = [];
afterEach(() => {
  for (let next = undo.pop(); next; next = undo.pop()) next();
});

/** A path where nothing is yet. */
function newPath(): string {
  const root = mkdtempSync(join(tmpdir(), 'fila-data-dir-'));
  undo.push(() => rmSync(root, { recursive: true, force: true }));
  return join(root, 'deep', 'fila');
}

function open(path: string, run = 'run_a'): DataDir {
  const dir = openDataDir(path, run);
  undo.push(() => dir.close());
  return dir;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** Another process that holds the folder until it is killed. */
async function otherDaemon(path: string, run: string): Promise<ChildProcess> {
  const module = join(import.meta.dirname, 'data-dir.ts');
  const script = `
    import { openDataDir } from ${JSON.stringify(module)};
    const dir = openDataDir(${JSON.stringify(path)}, ${JSON.stringify(run)});
    dir.announce('http://127.0.0.1:1');
    console.log('open');
    setInterval(() => dir, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  undo.push(() => child.kill('SIGKILL'));
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('The other daemon did not start.'))),
  ]);
  return child;
}

describe('one daemon a folder', () => {
  it('a second one is refused while the first lives, and told what to do', () => {
    const path = newPath();
    const first = open(path);
    expect(() => openDataDir(path, 'run_b')).toThrow(DataDirInUse);
    expect(() => openDataDir(path, 'run_b')).toThrow(
      `Another Fila daemon is running in ${path}. Stop it, or give this one its own FILA_DATA_DIR.`,
    );
    first.close();
    expect(open(path, 'run_b').earlierRuns).toEqual(['run_a']);
  });

  it('a refused one changes nothing: the first can still be the only one, and goes on', () => {
    const path = newPath();
    const first = open(path);
    first.announce('http://127.0.0.1:2');
    for (let i = 0; i < 3; i++) expect(() => openDataDir(path, 'run_b')).toThrow(DataDirInUse);
    expect(existsSync(join(path, 'daemon.json'))).toBe(true);
    first.forgetEarlierRuns();
    first.close();
    expect(open(path, 'run_c').earlierRuns).toEqual(['run_a']);
  });

  it('is refused while another process lives, and let in after kill -9 of it', async () => {
    const path = newPath();
    const other = await otherDaemon(path, 'run_other');
    expect(() => openDataDir(path, 'run_b')).toThrow(DataDirInUse);
    other.kill('SIGKILL');
    await once(other, 'exit');
    const dir = open(path, 'run_b');
    expect(dir.earlierRuns).toEqual(['run_other']);
    await expect(otherDaemon(path, 'run_c')).rejects.toThrow('did not start');
  });

  it('another fault is told as what it is, not as a second daemon', () => {
    const path = newPath();
    open(path).close();
    writeFileSync(join(path, 'daemon.lock'), 'not a database at all, but long enough to look at'.repeat(40));
    expect(() => openDataDir(path, 'run_b')).toThrow(/not a database/);
  });

  it('may be closed twice', () => {
    const dir = open(newPath());
    dir.close();
    expect(() => dir.close()).not.toThrow();
  });
});

describe('earlier runs', () => {
  it('are told until they are forgotten; the own one is none of them', () => {
    const path = newPath();
    for (const run of ['run_a', 'run_b']) open(path, run).close();
    const third = open(path, 'run_c');
    expect([...third.earlierRuns].sort()).toEqual(['run_a', 'run_b']);
    third.close();
    const fourth = open(path, 'run_d');
    expect(fourth.earlierRuns).toHaveLength(3);
    fourth.forgetEarlierRuns();
    fourth.close();
    expect(open(path, 'run_e').earlierRuns).toEqual(['run_d']);
  });

  it('are none in a new folder', () => {
    expect(open(newPath()).earlierRuns).toEqual([]);
  });
});

describe('what lies in the folder', () => {
  it('can be read by the owner only, whatever the umask says', () => {
    const previous = process.umask(0);
    undo.push(() => process.umask(previous));
    const path = newPath();
    const dir = open(path);
    dir.secret('admin.token', () => 'a');
    dir.announce('http://127.0.0.1:3');
    expect(modeOf(path)).toBe('700');
    expect(modeOf(join(path, 'admin.token'))).toBe('600');
    expect(modeOf(join(path, 'daemon.json'))).toBe('600');
  });

  it('a secret is made once and then kept, also for the next daemon', () => {
    const path = newPath();
    const first = open(path);
    expect(first.secret('master.key', () => 'first')).toBe('first');
    expect(first.secret('master.key', () => 'second')).toBe('first');
    expect(first.secret('admin.token', () => 'other')).toBe('other');
    first.close();
    expect(open(path, 'run_b').secret('master.key', () => 'third')).toBe('first');
  });

  it('a secret may be put there by hand, with a line end', () => {
    const path = newPath();
    const dir = open(path);
    writeFileSync(join(path, 'master.key'), 'by hand\r\n');
    expect(dir.secret('master.key', () => 'made')).toBe('by hand');
  });

  it('an empty secret is refused instead of used or replaced', () => {
    const path = newPath();
    const dir = open(path);
    writeFileSync(join(path, 'admin.token'), '\n');
    expect(() => dir.secret('admin.token', () => 'made')).toThrow('admin.token is empty');
    expect(readFileSync(join(path, 'admin.token'), 'utf8')).toBe('\n');
  });

  it('a secret that cannot be read is an error, not a new secret', () => {
    const path = newPath();
    const dir = open(path);
    mkdirSync(join(path, 'master.key'));
    expect(() => dir.secret('master.key', () => 'made')).toThrow(/EISDIR/);
  });

  it('the address of the daemon stands there while it lives, and no draft is left behind', () => {
    const path = newPath();
    const dir = open(path);
    dir.announce('http://127.0.0.1:4');
    dir.announce('http://127.0.0.1:5');
    const announced: unknown = JSON.parse(readFileSync(join(path, 'daemon.json'), 'utf8'));
    expect(announced).toEqual({ url: 'http://127.0.0.1:5', pid: process.pid });
    const files = () => readdirSync(path).filter((name) => !name.startsWith('daemon.lock'));
    expect(files()).toEqual(['daemon.json']);
    dir.close();
    expect(files()).toEqual([]);
  });
});
