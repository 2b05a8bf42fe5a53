/** Keeps lines of the log in files: a file a day and a kind, compressed when it is full or over, deleted when it is old. */
import { appendFileSync } from 'node:fs';
import { mkdir, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { severityOf } from '../../kernel/log-line.ts';
import { compressFile } from './compress-file.ts';
import { KINDS, logFileName, parseLogFileName, tooMany, type Kind } from './log-file-names.ts';

/** One process a folder. What was taken in the last moment before a kill is lost; nothing waits for a disk. */
export interface LogFiles {
  /** One line with its end. */
  take(line: string): void;
  /** Resolves when all that was taken is in the files, and what is full is compressed. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface LogFilesPlan {
  readonly folder: string;
  readonly clock: Clock;
  /** All files together; the oldest of the least important go first. */
  readonly maxBytes: number;
  readonly maxFileBytes?: number;
  /** Told once for a row of failures. */
  readonly onError: (error: unknown) => void;
}

const WRITE_EVERY_MS = 200;
const MAX_FILE_BYTES = 64 * 1_048_576;
/** Characters that wait for the disk; what comes on top is counted and dropped. */
const MOST_WAITING = 8 * 1_048_576;

interface Current {
  readonly name: string;
  readonly file: FileHandle;
  bytes: number;
}

export function openLogFiles(plan: LogFilesPlan): LogFiles {
  const { folder, clock, maxBytes, maxFileBytes = MAX_FILE_BYTES } = plan;
  const waiting: Record<Kind, string> = { info: '', warning: '', error: '' };
  const current = new Map<Kind, Current>();
  /** Named before the file is there, so that nobody takes it for one that is written no more. */
  const inUse = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let work: Promise<void> = Promise.resolve();
  let tidying: Promise<void> = Promise.resolve();
  let dropped = 0;
  let isFailing = false;
  let isClosed = false;

  function take(line: string): void {
    if (isClosed) return;
    const severity = severityOf(line);
    const kind = severity === 'info' || severity === 'warning' ? severity : 'error';
    if (waiting[kind].length + line.length > MOST_WAITING) dropped += 1;
    else waiting[kind] += line;
    timer ??= setTimeout(writeSoon, WRITE_EVERY_MS).unref();
  }

  function writeSoon(): void {
    clearTimeout(timer);
    timer = undefined;
    work = work.then(writeAll);
  }

  async function writeAll(): Promise<void> {
    for (const kind of KINDS) {
      const text = waiting[kind];
      // Only where writing works again: the count would be lost with its line.
      const said = kind === 'warning' && !isFailing ? dropped : 0;
      if (text === '' && said === 0) continue;
      waiting[kind] = '';
      try {
        await append(kind, Buffer.from(text + (said === 0 ? '' : lineOfDropped(said))));
        dropped -= said;
        isFailing = false;
      } catch (error) {
        // A disk that takes nothing must not fill the memory instead.
        dropped += text.split('\n').length - 1;
        await leave(kind).catch(() => undefined);
        if (!isFailing) plan.onError(error);
        isFailing = true;
      }
    }
  }

  function lineOfDropped(count: number): string {
    const time = new Date(clock.now()).toISOString();
    const msg = 'lines were not written to the log files';
    return `${JSON.stringify({ level: 'warning', time, service: 'fila', dropped: count, msg })}\n`;
  }

  async function append(kind: Kind, bytes: Buffer): Promise<void> {
    const day = new Date(clock.now()).toISOString().slice(0, 10);
    const before = current.get(kind);
    const isOver = before && parseLogFileName(before.name)!.day !== day;
    if (before && (isOver || before.bytes + bytes.length > maxFileBytes)) await leave(kind);
    const now = current.get(kind) ?? (await enter(kind, day));
    await now.file.appendFile(bytes);
    now.bytes += bytes.length;
  }

  /** Goes on with the day's last file, unless that is full. */
  async function enter(kind: Kind, day: string): Promise<Current> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const parts = (await known()).filter((one) => one.kind === kind && one.day === day);
    const last = Math.max(-1, ...parts.map(({ part }) => part));
    const isOpen = parts.some(({ part, isCompressed }) => part === last && !isCompressed);
    const isFull =
      isOpen && (await stat(join(folder, logFileName({ kind, day, part: last })))).size >= maxFileBytes;
    const name = logFileName({ kind, day, part: isOpen && !isFull ? last : last + 1 });
    inUse.add(name);
    const file = await open(join(folder, name), 'a', 0o600);
    const entered = { name, file, bytes: (await file.stat()).size };
    current.set(kind, entered);
    tidySoon();
    return entered;
  }

  async function leave(kind: Kind): Promise<void> {
    const left = current.get(kind);
    current.delete(kind);
    if (!left) return;
    await left.file.close();
    inUse.delete(left.name);
  }

  async function known() {
    return (await readdir(folder)).flatMap((name) => parseLogFileName(name) ?? []);
  }

  function tidySoon(): void {
    tidying = tidying.then(tidy).catch(plan.onError);
  }

  /** Compresses what is written no more, then deletes what is too old or too much. */
  async function tidy(): Promise<void> {
    for (const { name, isCompressed } of await known())
      if (!isCompressed && !inUse.has(name)) await compressFile(join(folder, name));
    const files = await Promise.all(
      (await known()).map(async (one) => ({ ...one, bytes: (await stat(join(folder, one.name))).size })),
    );
    const old = tooMany(files, { nowMs: clock.now(), maxBytes });
    for (const name of old) if (!inUse.has(name)) await unlink(join(folder, name));
  }

  async function settled(): Promise<void> {
    writeSoon();
    await work;
    await tidying;
  }

  /** The process ends without a stop: what waits is written where the day's file would be. */
  function writeAtExit(): void {
    for (const kind of KINDS.filter((one) => waiting[one] !== '')) {
      const name = current.get(kind)?.name ?? fallbackName(kind, clock.now());
      try {
        appendFileSync(join(folder, name), waiting[kind], { mode: 0o600 });
      } catch {
        // There is nobody left to tell.
      }
    }
  }

  process.once('exit', writeAtExit);
  return {
    take,
    settled,
    close: async () => {
      isClosed = true;
      await settled();
      for (const kind of KINDS) await leave(kind);
      process.off('exit', writeAtExit);
    },
  };
}

function fallbackName(kind: Kind, nowMs: number): string {
  return logFileName({ kind, day: new Date(nowMs).toISOString().slice(0, 10), part: 0 });
}
