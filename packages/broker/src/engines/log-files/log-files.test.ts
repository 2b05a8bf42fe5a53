import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { logFileName, parseLogFileName, tooMany, type Kind } from './log-file-names.ts';
import { openLogFiles, type LogFilesPlan } from './log-files.ts';

const NOON = Date.parse('2027-03-01T12:00Z');
const DAY_MS = 86_400_000;
const line = (level: string, msg: string): string => `${JSON.stringify({ level, msg })}\n`;

function bench(more: Partial<LogFilesPlan> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'fila-logs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = { nowMs: NOON, now: () => clock.nowMs };
  const errors: unknown[] = [];
  const plan = {
    folder,
    clock,
    maxBytes: 1e9,
    onError: (error: unknown) => void errors.push(error),
    ...more,
  };
  const start = () => {
    const files = openLogFiles(plan);
    onTestFinished(() => files.close());
    return files;
  };
  const names = () => readdirSync(folder).sort();
  const text = (name: string) => {
    const bytes = readFileSync(join(folder, name));
    return String(name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  };
  /** Every line of every file. */
  const lines = () => names().flatMap((name) => text(name).split('\n').filter(Boolean));
  return { folder, clock, errors, start, names, text, lines };
}

describe('log files', () => {
  it('each kind has its file of the day, which only the owner can read', async () => {
    const { folder, start, names, text } = bench();
    const files = start();
    for (const level of ['debug', 'info', 'warning', 'error', 'critical', 'emergency'])
      files.take(line(level, level));
    await files.settled();
    expect(names()).toEqual(['error-2027-03-01.0.log', 'info-2027-03-01.0.log', 'warning-2027-03-01.0.log']);
    expect(text('info-2027-03-01.0.log')).toBe(line('debug', 'debug') + line('info', 'info'));
    expect(text('error-2027-03-01.0.log').split('\n')).toHaveLength(4);
    for (const name of names()) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  it('at midnight the next file begins and the one before is compressed; no line is lost or twice', async () => {
    const { clock, start, names, lines } = bench();
    const files = start();
    for (let n = 0; n < 100; n++) files.take(line('info', `before ${n}`));
    await files.settled();
    clock.nowMs += DAY_MS;
    for (let n = 0; n < 100; n++) files.take(line('info', `after ${n}`));
    await files.settled();
    expect(names()).toEqual(['info-2027-03-01.0.log.gz', 'info-2027-03-02.0.log']);
    expect(new Set(lines()).size).toBe(200);
    expect(lines()).toHaveLength(200);
  });

  it('a full file is followed by another of the same day', async () => {
    const { start, names, lines } = bench({ maxFileBytes: 1_000 });
    const files = start();
    for (let n = 0; n < 10; n++) {
      files.take(line('info', `${n} ${'x'.repeat(300)}`));
      await files.settled();
    }
    expect(names().filter((name) => name.endsWith('.gz')).length).toBeGreaterThan(1);
    expect(names().filter((name) => name.endsWith('.log'))).toHaveLength(1);
    expect(lines()).toHaveLength(10);
  });

  it('a restart goes on in the file of the day, and compresses what an earlier run left', async () => {
    const { folder, start, names, lines } = bench();
    writeFileSync(join(folder, 'info-2027-02-27.0.log'), line('info', 'old'));
    const first = start();
    first.take(line('info', 'first'));
    await first.close();
    const second = start();
    second.take(line('info', 'second'));
    await second.settled();
    expect(names()).toEqual(['info-2027-02-27.0.log.gz', 'info-2027-03-01.0.log']);
    expect(lines()).toHaveLength(3);
  });

  it('what cannot be written is counted, said once, and goes on when there is room again', async () => {
    const { folder, start, errors, lines } = bench();
    const files = start();
    // A folder in the file's place: root may write everywhere, but not this.
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    for (let n = 0; n < 3; n++) {
      files.take(line('info', 'lost'));
      await files.settled();
    }
    expect(errors.length).toBeGreaterThan(0);
    rmSync(folder);
    const { mkdirSync } = await import('node:fs');
    mkdirSync(folder);
    files.take(line('info', 'kept'));
    await files.settled();
    expect(lines().some((one) => one.includes('"dropped":3'))).toBe(true);
    expect(lines().some((one) => one.includes('kept'))).toBe(true);
  });

  it('other files in the folder are left alone', async () => {
    const { folder, start, names } = bench({ maxBytes: 1 });
    for (const name of ['notes.log', 'info-2020-01-01.log', 'info-2020-01-01.0.log.bak'])
      writeFileSync(join(folder, name), 'mine');
    chmodSync(folder, 0o700);
    const files = start();
    files.take(line('info', 'x'));
    await files.settled();
    expect(names()).toEqual(
      expect.arrayContaining(['notes.log', 'info-2020-01-01.log', 'info-2020-01-01.0.log.bak']),
    );
  });
});

describe('which files are too many', () => {
  const file = (kind: Kind, daysAgo: number, bytes = 10, part = 0) => {
    const day = new Date(NOON - daysAgo * DAY_MS).toISOString().slice(0, 10);
    return { ...parseLogFileName(`${logFileName({ kind, day, part })}.gz`)!, bytes };
  };
  const names = (files: ReturnType<typeof file>[]) => files.map(({ name }) => name);

  it('info is kept for 30 days, warnings for 60, errors and worse for 90', () => {
    const kinds = ['info', 'warning', 'error'] as const;
    const kept = { info: 30, warning: 60, error: 90 };
    const inTime = kinds.map((kind) => file(kind, kept[kind]));
    const over = kinds.map((kind) => file(kind, kept[kind] + 1));
    const found = tooMany([...inTime, ...over], { nowMs: NOON, maxBytes: 1e9 });
    expect(found.sort()).toEqual(names(over).sort());
  });

  it('when all together are too large, the oldest of the least important go first', () => {
    const files = [
      file('error', 9),
      file('info', 2, 10, 1),
      file('warning', 5),
      file('info', 2),
      file('info', 1),
    ];
    const found = (maxBytes: number) => tooMany(files, { nowMs: NOON, maxBytes });
    expect(found(50)).toEqual([]);
    expect(found(35)).toEqual(names([files[3]!, files[1]!]));
    expect(found(15)).toEqual(names([files[3]!, files[1]!, files[4]!, files[2]!]));
  });
});
