/** The process's log: one JSON object a line on stdout, secrets masked. */
import { type LoggerOptions, pino } from 'pino';
import type { Logger } from './kernel/logger.ts';

const MASKED = [
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
];
/** API keys, admin tokens, webhook secrets. */
const SECRET = /(fila_(?:live|test|admin)_|whsec_)[\w+/=-]+/g;
/** Up to the last @, because passwords are not always encoded as they should be. */
const PASSWORD_IN_URL = /(\w+:\/\/[^:/@\s]*):\S+@/g;
const LONGEST_TEXT = 2_000;
const DEEPEST_CAUSE = 5;

/**
 * Errors are written by name, message, code and stack; of what else they carry (SQL, its values) nothing. Lines may be
 * written a moment later, and a kill takes them away, unless `isAtOnce`: that costs a system call a line.
 */
export function processLogger(level: string, { isAtOnce = false } = {}): Logger & { flush(): void } {
  const settings: LoggerOptions = {
    level,
    base: { service: 'fila' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: maskTexts },
    hooks: {
      logMethod(args, method) {
        const [fields, message] = args as unknown as [object, string];
        method.apply(this, [fields, masked(message)]);
      },
    },
    redact: { paths: MASKED.flatMap((name) => [name, `*.${name}`]), censor: '[masked]' },
    serializers: { err: (error) => describeError(error), error: (error) => describeError(error) },
  };
  return isAtOnce ? pino(settings, pino.destination({ sync: true })) : pino(settings);
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

function maskTexts(fields: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(fields);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? masked(value) : value]),
  );
}

/** Cut before too, or a very long text would keep the patterns busy. */
function masked(text: string): string {
  return text
    .slice(0, LONGEST_TEXT * 2)
    .replace(SECRET, '$1[masked]')
    .replace(PASSWORD_IN_URL, '$1:[masked]@')
    .slice(0, LONGEST_TEXT);
}
