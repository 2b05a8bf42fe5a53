/** Keeps outcomes that cannot be written to the database now in a file, until it can: also beyond the end of this process. */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { LedgerUnavailable, type Settlement } from '../../engines/ledger/ledger.ts';
import { every } from '../../kernel/every.ts';
import { failpoint, failpointAction, failpointSync } from '../../kernel/failpoints.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';

export interface OutcomeSpool extends Service {
  /**
   * Puts an outcome on the disk (fsync) and waits until it is written. Resolves with what the ledger said, or with null
   * when nobody waits any more: then it is written at the next start in this folder.
   */
  keep(settlement: Settlement): Promise<boolean | null>;
  /** Writes all that is kept, also what earlier runs left behind; rejects when the database is away. */
  writeAll(): Promise<void>;
  /** From now on nobody waits for what is kept. */
  letGo(): void;
}

export interface SpoolDeps {
  readonly file: string;
  /** Fenced, so that an outcome may be written twice, or too late. */
  readonly settle: (settlement: Settlement) => Promise<boolean>;
  readonly logger: Logger;
}

interface Kept {
  readonly settlement: Settlement;
  resolve(written: boolean | null): void;
  reject(error: unknown): void;
  /** Left behind by an earlier run. */
  readonly isInherited: boolean;
  /** Times the database was there and it could not be written all the same. */
  refusals: number;
}

const WRITE_EVERY_MS = 500;
/** Then it is given up, and the request runs again when its lease is over. */
const MAX_REFUSALS = 5;

/** One line an outcome: checksum, then JSON. Contents are sealed already. The file is emptied when all is written. */
export function openOutcomeSpool({ file, settle, logger }: SpoolDeps): OutcomeSpool {
  const kept = new Set<Kept>(inherited(file, logger));
  let writing: Promise<void> | null = null;
  let isLetGo = false;

  async function writeOne(one: Kept): Promise<void> {
    const { id, fence, to } = one.settlement;
    try {
      if ((await failpoint('settle.retry')) === 'duplicate') await settle(one.settlement);
      const written = await settle(one.settlement);
      one.resolve(written);
      if (one.isInherited)
        logger.info(
          { requestId: id, fence, to, written, stale: !written },
          written
            ? 'an outcome of an earlier run was written'
            : 'an outcome of an earlier run is not needed: the request was settled or went on without it',
        );
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) one.refusals += 1;
      if (one.refusals < MAX_REFUSALS) throw error;
      if (one.isInherited) logger.error({ err: error, requestId: id }, 'a kept outcome cannot be written');
      one.reject(error);
    }
    kept.delete(one);
  }

  async function writeKept(): Promise<void> {
    if (kept.size === 0) return;
    await failpoint('spool.before_replay');
    // All at once, so that they share a flush.
    const ends = await Promise.allSettled([...kept].map(writeOne));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    await failpoint('spool.before_empty');
    if (kept.size === 0) truncateSync(file);
  }

  function writeAll(): Promise<void> {
    writing ??= writeKept().finally(() => (writing = null));
    return writing;
  }

  function keep(settlement: Settlement): Promise<boolean | null> {
    const { id, fence, to } = settlement;
    try {
      const isTwice = failpointAction('spool.before_append') === 'duplicate';
      const line = lineOf(settlement);
      appendFileSync(file, isTwice ? line + line : line, { mode: 0o600, flush: true });
      failpointSync('spool.after_append');
      logger.warn(
        { requestId: id, fence, to },
        'an outcome cannot be written now: it waits in the data folder',
      );
    } catch (error) {
      logger.emergency(
        { err: error, requestId: id },
        'an outcome waits in memory only: the data folder takes nothing',
      );
    }
    return new Promise((resolve, reject) => {
      kept.add({ settlement, resolve, reject, isInherited: false, refusals: 0 });
      if (isLetGo) resolve(null);
    });
  }

  const ticker = every('write kept outcomes', WRITE_EVERY_MS, writeAll, (error) => {
    if (!(error instanceof LedgerUnavailable)) logger.error({ err: error }, 'writing kept outcomes failed');
  });

  return {
    name: 'outcome spool',
    keep,
    writeAll,
    letGo: () => {
      isLetGo = true;
      for (const { resolve } of kept) resolve(null);
    },
    start: () => ticker.start(),
    stop: () => ticker.stop(),
  };
}

/** A crash may have left the last line torn; it is cut off, so that the next one begins a line of its own. */
function inherited(file: string, logger: Logger): Kept[] {
  const bytes = readWhole(file);
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  if (whole.length < bytes.length) truncateSync(file, whole.length);
  const lines = whole.toString('utf8').split('\n').slice(0, -1);
  const settlements = lines.map(settlementOf).filter((one) => one !== null);
  const damaged = lines.length - settlements.length;
  if (damaged > 0)
    logger.error({ damaged }, 'outcomes kept by an earlier run are damaged; the requests run again');
  const ignore = (): void => undefined;
  return settlements.map((settlement) => ({
    settlement,
    resolve: ignore,
    reject: ignore,
    isInherited: true,
    refusals: 0,
  }));
}

/** Makes the file, so that later only its content has to reach the disk and not its name. */
function readWhole(file: string): Buffer {
  appendFileSync(file, '', { mode: 0o600 });
  chmodSync(file, 0o600);
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
  return readFileSync(file);
}

type Stored = Omit<Settlement, 'result' | 'error' | 'added'> & {
  readonly result?: string;
  readonly error?: { readonly code: string; readonly sealed: string };
};

function lineOf({ result, error, ...rest }: Settlement): string {
  const stored: Stored = {
    ...rest,
    ...(result ? { result: result.toString('base64') } : {}),
    ...(error ? { error: { code: error.code, sealed: error.sealed.toString('base64') } } : {}),
  };
  const json = JSON.stringify(stored);
  return `${checksum(json)} ${json}\n`;
}

function settlementOf(line: string): Settlement | null {
  const json = line.slice(9);
  if (line.slice(0, 8) !== checksum(json)) return null;
  const { result, error, ...rest } = JSON.parse(json) as Stored;
  return {
    ...rest,
    ...(result === undefined ? {} : { result: Buffer.from(result, 'base64') }),
    ...(error ? { error: { code: error.code, sealed: Buffer.from(error.sealed, 'base64') } } : {}),
  };
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
