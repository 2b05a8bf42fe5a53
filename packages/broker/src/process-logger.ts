/** The process's log: one JSON object a line on stdout, secrets masked. */
import { pino } from 'pino';
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
const KEY = /fila_(live|test)_[0-9A-Za-z]+/g;
const PASSWORD_IN_URL = /(\w+:\/\/[^:/@\s]*):[^@\s]+@/g;

/** Errors are written by name, message, code and stack; of what else they carry (SQL, its values) nothing. */
export function processLogger(level: string): Logger & { flush(): void } {
  const log = pino({
    level,
    base: { service: 'fila' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: MASKED.flatMap((name) => [name, `*.${name}`]), censor: '[masked]' },
    serializers: { err: describeError },
  });
  return log;
}

interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: DescribedError;
}

function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { type: typeof error, message: masked(String(error)) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: masked(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    stack: masked(error.stack?.split('\n').slice(1, 8).join('\n') ?? ''),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

function masked(text: string): string {
  return text.replace(KEY, 'fila_$1_[masked]').replace(PASSWORD_IN_URL, '$1:[masked]@').slice(0, 2_000);
}
