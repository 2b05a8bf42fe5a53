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
/** Without one of these no pattern below can match; almost no text has one. */
const SUSPICIOUS = /fila_|whsec_|:\/\//;
/** API keys, admin tokens, tokens of people and programs, webhook secrets. */
const SECRET = /(fila_(?:live|test|admin|sess|svc|reset)_|whsec_)[\w+/=-]+/g;
/** Up to the last @, because passwords are not always encoded as they should be. */
const PASSWORD_IN_URL = /(\w+:\/\/[^:/@\s]*):\S+@/g;
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
    hooks: {
      logMethod(args, method) {
        const [fields, message] = args as unknown as [object, string];
        method.apply(this, [fields, masked(message)]);
      },
    },
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
    write: (line: string): void => {
      out.write(line);
      for (const take of takers) take(line);
    },
  };
}

/**
 * The lines of one turn of the event loop go out as one text: the destination measures all that it still holds with
 * every write.
 */
function linesTogether() {
  const out = pino.destination({ sync: false });
  let lines = '';
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
      if (lines === '') setImmediate(send);
      lines += line;
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
  if (!(error instanceof Error)) return { type: typeof error, message: masked(String(error)) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: masked(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    stack: masked(error.stack?.split('\n').slice(1, 8).join('\n') ?? ''),
    ...(error.cause === undefined || depth === DEEPEST_CAUSE
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** One walk over each line: what a field is called decides, one level down too, and then what its text looks like. */
function maskFields(fields: Record<string, unknown>): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const name in fields) safe[name] = MASKED.has(name) ? MASK : maskValue(fields[name]);
  return safe;
}

function maskValue(value: unknown): unknown {
  if (typeof value === 'string') return masked(value);
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (!Object.keys(value).some((name) => MASKED.has(name))) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, MASKED.has(name) ? MASK : inner]),
  );
}

/** Cut before too, or a very long text would keep the patterns busy. */
function masked(text: string): string {
  if (text.length <= LONGEST_TEXT && !SUSPICIOUS.test(text)) return text;
  return text
    .slice(0, LONGEST_TEXT * 2)
    .replace(SECRET, '$1[masked]')
    .replace(PASSWORD_IN_URL, '$1:[masked]@')
    .slice(0, LONGEST_TEXT);
}
