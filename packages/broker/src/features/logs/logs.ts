/** The log that can be searched: warnings and worse, written to the database a batch at a time, in nobody's way. */
import type { Clock } from '../../kernel/clock.ts';
import type { ListLogsQuery, LogLine, LogList } from '../../kernel/contract.generated.ts';
import { every } from '../../kernel/every.ts';
import { SEVERITIES, severityOf } from '../../kernel/log-line.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { LogStore, NewLine, StoredLine } from './log-store.ts';

export interface Logs extends Service {
  /** One line with its end; those that are no warnings cost next to nothing. Never waits, never throws. */
  take(line: string): void;
  list(query: ListLogsQuery): Promise<LogList>;
  /** Deletes one batch of what has been kept for long enough; how many. */
  forget(): Promise<number>;
}

interface LogsDeps {
  readonly store: LogStore;
  /** This run of the daemon. */
  readonly run: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly writeEveryMs?: number;
}

const WRITE_EVERY_MS = 1_000;
const BATCH = 200;
/** While the database is away; what comes on top is counted. */
const MOST_WAITING = 2_000;
const DEFAULT_PAGE = 50;
const DAY_MS = 86_400_000;
const KEPT_DAYS = { warning: 60, worse: 90 };
const LONGEST_MESSAGE = 500;
const LONGEST_ID = 64;
const LONGEST_REST = 12_000;

type Level = LogLine['level'];
const WARNING = SEVERITIES.indexOf('warning');
const WORSE = [2, 3, 4];

export function createLogs({ store, run, clock, logger, writeEveryMs = WRITE_EVERY_MS }: LogsDeps): Logs {
  let waiting: NewLine[] = [];
  let dropped = 0;

  function take(line: string): void {
    const level = SEVERITIES.indexOf(severityOf(line));
    if (level < WARNING) return;
    if (waiting.length >= MOST_WAITING) dropped += 1;
    else waiting.push(newLine(line, level, run));
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      await store.add(batch);
      // Others may have come meanwhile, behind these.
      waiting = waiting.slice(batch.length);
    }
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    logger.warn({ count }, 'lines of the log were not kept: the database was away for too long');
  }

  // What is said here is a line as well: once for a row of failures, or each would be the next one's reason.
  const ticker = every('write log lines', writeEveryMs, write, (error) =>
    logger.warn({ err: error }, 'lines of the log cannot be written to the database; they wait'),
  );

  async function list({ limit = DEFAULT_PAGE, ...query }: ListLogsQuery): Promise<LogList> {
    const { cursor, order, since, until, level, text, request_id, key_id } = query;
    const rows = await store.list({
      ...{ limit: limit + 1, order, text, requestId: request_id, keyId: key_id },
      cursor: cursor === undefined ? undefined : Number(cursor),
      since: since === undefined ? undefined : Date.parse(since),
      until: until === undefined ? undefined : Date.parse(until),
      level: level === undefined ? undefined : SEVERITIES.indexOf(level),
    });
    const items = rows.slice(0, limit).map(toWire);
    return { items, next_cursor: rows.length > limit ? String(items.at(-1)!.id) : null };
  }

  return {
    name: 'logs',
    start: () => ticker.start(),
    stop: async () => {
      await ticker.stop();
      // The database may be away: the files have them all the same.
      await write().catch(() => undefined);
    },
    take,
    list,
    forget: async () =>
      (await store.forget([WARNING], clock.now() - KEPT_DAYS.warning * DAY_MS)) ||
      (await store.forget(WORSE, clock.now() - KEPT_DAYS.worse * DAY_MS)),
  };
}

/** `http` is the id of a call, `requestId` that of a request; whoever searches has one of them. */
function newLine(text: string, level: number, run: string): NewLine {
  const {
    time,
    msg,
    level: _level,
    service: _service,
    ...fields
  } = JSON.parse(text) as Record<string, unknown>;
  const rest = JSON.stringify(fields);
  return {
    ...{ level, run, at: Date.parse(String(time)) },
    message: String(msg).slice(0, LONGEST_MESSAGE).toWellFormed(),
    requestId: idOf(fields['requestId'] ?? fields['http']),
    keyId: idOf(fields['keyId']),
    line: rest.length <= LONGEST_REST ? rest : JSON.stringify({ cut: rest.slice(0, LONGEST_REST / 2) }),
  };
}

function idOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, LONGEST_ID) : null;
}

function toWire({ id, at, level, message, requestId, keyId, run, line }: StoredLine): LogLine {
  const time = new Date(at).toISOString();
  const fields = JSON.parse(line) as Record<string, unknown>;
  return {
    id,
    time,
    level: SEVERITIES[level] as Level,
    message,
    request_id: requestId,
    key_id: keyId,
    run,
    fields,
  };
}
