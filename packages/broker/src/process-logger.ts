/** The process's log: one JSON object a line on stdout, secrets masked. */
import { type LoggerOptions, pino } from 'pino';
import type { TeeLogger } from './kernel/logger.ts';

const MASKED = new Set([
  'authorization',
  'key',
  'secret',
  'token',
  'password',
  'prompt',
  'messages',
  'result',
  'metadata',
  'body',
  'webhook_secret',
]);
const MASK = '[masked]';
/** Without one of these no pattern below can match; almost no line has one. */
const SUSPICIOUS = /fila_|whsec_|:\/\//;
/** API keys, admin tokens, tokens of people and programs, webhook secrets. */
const SECRET = /(fila_(?:live|test|admin|sess|svc|reset)_|whsec_)[\w+/=-]+/g;
/** Up to the last @, because passwords are not always encoded as they should be; within one string of a line of JSON. */
const PASSWORD_IN_URL = /(\w+:\/\/[^:/@\s"]*):(?:[^\s"\\]|\\.)+@/g;
/** As pino counts: error is 50. */
const WORSE_THAN_ERROR = { critical: 54, emergency: 58 };
const LONGEST_TEXT = 2_000;
const DEEPEST_CAUSE = 5;

/**
 * Errors are written by name, message, code and stack; of what else they carry (SQL, its values) nothing. Lines may be
 * written a moment later, and a kill takes them away, unless `isAtOnce`: that costs a system call a line.
 */
export function processLogger(level: string, { isAtOnce = false } = {}): TeeLogger & { flush(): void } {
  const takers: Take[] = [];
  const settings: LoggerOptions<'critical' | 'emergency'> = {
    level,
    customLevels: WORSE_THAN_ERROR,
    base: { service: 'fila' },
    timestamp: timeField,
    formatters: { level: (label) => ({ level: label === 'warn' ? 'warning' : label }), log: maskFields },
    serializers: { err: (error) => describeError(error), error: (error) => describeError(error) },
  };
  const out = isAtOnce ? pino.destination({ sync: true }) : linesTogether();
  const logger = pino(settings, teeing(out, takers));
  return Object.assign(logger, {
    flush: () => out.flush(),
    tee: (take: Take) => void takers.push(take),
    setLevel: (next: string) => void (logger.level = next),
  });
}

type Take = (line: string) => void;

function teeing(out: { write(line: string): unknown }, takers: readonly Take[]) {
  return {
    write: (text: string): void => {
      const line = SUSPICIOUS.test(text) ? withoutSecrets(text) : text;
      out.write(line);
      for (const take of takers) take(line);
    },
  };
}

/** A line that comes so soon after another waits as long at most. */
const MOMENT_MS = 20;

/**
 * After a rest lines go out at once; those of the moment that follows go as one text. Each write wakes a thread, which on
 * an idle machine costs more than the line, and the destination measures all that it still holds with every write.
 */
function linesTogether() {
  const out = pino.destination({ sync: false });
  let lines = '';
  let moment: NodeJS.Timeout | null = null;
  const send = (): void => {
    if (lines === '') return;
    out.write(lines);
    lines = '';
  };
  const flush = (): void => {
    send();
    out.flushSync();
  };
  process.once('exit', flush);
  return {
    flush,
    write: (line: string): void => {
      lines += line;
      if (moment) return;
      setImmediate(send);
      moment = setTimeout(() => {
        moment = null;
        send();
      }, MOMENT_MS);
    },
  };
}

let time = { ms: 0, text: '' };

/** Many lines are written within one millisecond. */
function timeField(): string {
  const ms = Date.now();
  if (ms !== time.ms) time = { ms, text: `,"time":"${new Date(ms).toISOString()}"` };
  return time.text;
}

interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: DescribedError;
}

function describeError(error: unknown, depth = 0): DescribedError {
  if (!(error instanceof Error)) return { type: typeof error, message: shortened(String(error)) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: shortened(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    stack: shortened(error.stack?.split('\n').slice(1, 8).join('\n') ?? ''),
    ...(error.cause === undefined || depth === DEEPEST_CAUSE
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** What a field is called decides, one level down too. What its text looks like is seen when the line is written. */
function maskFields(fields: Record<string, unknown>): Record<string, unknown> {
  let safe = fields;
  for (const name in fields) {
    const value = MASKED.has(name) ? MASK : maskValue(fields[name]);
    if (value === fields[name]) continue;
    if (safe === fields) safe = { ...fields };
    safe[name] = value;
  }
  return safe;
}

function maskValue(value: unknown): unknown {
  if (typeof value === 'string') return value.length > LONGEST_TEXT ? shortened(value) : value;
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (!Object.keys(value).some((name) => MASKED.has(name))) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, MASKED.has(name) ? MASK : inner]),
  );
}

/** Masked before it is cut, or half a secret would be left; cut before too, or a very long text would keep the patterns busy. */
function shortened(text: string): string {
  return withoutSecrets(text.slice(0, LONGEST_TEXT * 2)).slice(0, LONGEST_TEXT);
}

function withoutSecrets(text: string): string {
  return text.replace(SECRET, '$1[masked]').replace(PASSWORD_IN_URL, '$1:[masked]@');
}
