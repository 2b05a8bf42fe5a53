/** Turns whatever went wrong into words (what happened, why, what to do next), or JSON, and an exit code. */
import type { FilaError } from '@fila/sdk';
import type { Paint } from './colour.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { jsonLine } from './formats.ts';
import { oneLine } from './plain-text.ts';
import { coarse } from './units.ts';

export interface Trouble {
  readonly exitCode: ExitCode;
  /** For programs: the contract's code, or one of the CLI's own words. */
  readonly code: string;
  /** What happened, one sentence without a full stop. */
  readonly what: string;
  readonly why?: readonly string[];
  /** What to do about it: words, and the exact command. */
  readonly next?: readonly (readonly [label: string, command: string])[];
  readonly requestId?: string;
}

/** Thrown by a command that cannot go on and knows what to say about it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.what);
    this.trouble = trouble;
  }
}

export function usageError(what: string, next: Trouble['next'] = []): CliError {
  return new CliError({ exitCode: EXIT.usage, code: 'usage', what, next });
}

/** Where the log says no more than the answer does. */
const SAID_ALREADY: ReadonlySet<ExitCode> = new Set([EXIT.usage, EXIT.notFound, EXIT.conflict]);

export function troubleLines(
  { exitCode, what, why = [], next = [], requestId }: Trouble,
  paint: Paint,
): string[] {
  const room = Math.max(0, ...next.map(([label]) => label.length)) + 2;
  return [
    `${paint('bad', '✖')} ${oneLine(what)}.`,
    ...why.map((line) => `  ${oneLine(line)}`),
    ...(requestId && !SAID_ALREADY.has(exitCode)
      ? [`  The broker's log has it under request id ${oneLine(requestId)}.`]
      : []),
    ...next.map(([label, command]) => `  ${`${label}:`.padEnd(room)} ${paint('strong', oneLine(command))}`),
  ];
}

export function troubleJson({ exitCode, code, what, why = [], next = [], requestId }: Trouble): string {
  return jsonLine({
    error: {
      code,
      message: what,
      ...(why.length > 0 ? { why } : {}),
      ...(next.length > 0 ? { fix: next.map(([, command]) => command) } : {}),
      ...(requestId ? { request_id: requestId } : {}),
      exit_code: exitCode,
    },
  });
}

const START: Trouble['next'] = [['Start it', 'fila serve   (or: fila dev)']];
const REACH: Trouble['next'] = [...START, ['Or name another', 'FILA_URL=http://host:7433 fila …']];
const CREDENTIALS: Trouble['next'] = [
  ['Requests need a key', 'FILA_API_KEY=… or --api-key-file FILE'],
  ['The rest needs a person', 'fila login'],
  ['Or a token', 'FILA_TOKEN=… or --token-file FILE'],
];

/** The key is good; it is held to terms. */
const OUTSIDE = {
  what: 'This key may not do that',
  next: [['What it may, for an operator', 'fila keys show ID']] as const,
};

/** Codes that say more than their kind does. */
const CODES: Readonly<Record<string, { what: string; next: Trouble['next'] } | undefined>> = {
  forbidden: {
    what: 'You may not do this',
    next: [['Who you are, and what you may', 'fila whoami -o wide']],
  },
  scope_missing: OUTSIDE,
  model_not_allowed: OUTSIDE,
  queue_not_allowed: OUTSIDE,
  address_not_allowed: OUTSIDE,
  totp_required: {
    what: 'Signing in needs a code of the second factor',
    next: [['Give it', 'the same with --code 123456']],
  },
  step_up_required: {
    what: 'This is dangerous and needs a fresh proof that it is you',
    next: [['Sign in again', 'fila login   (then within 5 minutes)']],
  },
};

/** Kinds of the SDK's errors by name, so that saying what is wrong does not load the SDK. */
const KINDS: Readonly<
  Record<string, { exitCode: ExitCode; what: string; next?: Trouble['next'] } | undefined>
> = {
  NotAllowed: {
    exitCode: EXIT.notAllowed,
    what: 'The daemon refused the key, the session or the token',
    next: CREDENTIALS,
  },
  NotFound: { exitCode: EXIT.notFound, what: 'Not found' },
  Conflict: { exitCode: EXIT.conflict, what: 'The present state does not allow this' },
  RateLimited: { exitCode: EXIT.conflict, what: 'A limit was reached' },
  InvalidRequest: { exitCode: EXIT.usage, what: 'The daemon refused what was sent' },
  Unavailable: { exitCode: EXIT.unreachable, what: 'The daemon cannot answer now' },
  ConnectionFailed: { exitCode: EXIT.unreachable, what: 'The daemon cannot be reached', next: REACH },
  TimedOut: { exitCode: EXIT.unreachable, what: 'The daemon did not answer in time', next: REACH },
  Aborted: { exitCode: EXIT.interrupted, what: 'Stopped' },
};

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

export function troubleOf(error: unknown): Trouble {
  if (error instanceof CliError) return error.trouble;
  if (hasProblems(error)) return configTrouble(error.problems);
  if (isSdkError(error)) return sdkTrouble(error);
  const why = messagesOf(error);
  if (error instanceof Error && error.name === 'DataDirInUse')
    return {
      exitCode: EXIT.failed,
      code: 'data_dir_in_use',
      what: 'Another daemon works in the data folder',
      why: [error.message],
      next: [['Give this one its own', '--data-dir DIR --port 0']],
    };
  if (hasCode(error, (code) => NETWORK.has(code)))
    return { exitCode: EXIT.unreachable, code: 'unreachable', what: 'A server cannot be reached', why };
  if (hasCode(error, (code) => /^(EACCES|EPERM|ENOENT|ENOSPC|EROFS|EISDIR|ENOTDIR)$/.test(code)))
    return { exitCode: EXIT.failed, code: 'file', what: 'A file cannot be used', why };
  return { exitCode: EXIT.failed, code: 'unexpected', what: `Something unexpected: ${why.join(' ')}` };
}

/** The codes of an error and of what caused it. Some libraries say `parent` or `original` for cause. */
export function hasCode(error: unknown, isMeant: (code: string) => boolean): boolean {
  return chain(error).some(({ code }) => typeof code === 'string' && isMeant(code));
}

function chain(error: unknown): readonly Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  for (let one = error; typeof one === 'object' && one !== null && found.length < 8;) {
    const link = one as Record<string, unknown>;
    found.push(link);
    one = link['cause'] ?? link['parent'] ?? link['original'];
  }
  return found;
}

function messagesOf(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return [String(error)];
  const messages = chain(error).map(({ message, code, name }) => String(message || code || name));
  return [...new Set(messages)];
}

function hasProblems(error: unknown): error is { problems: readonly string[] } {
  return error instanceof Error && error.name === 'SettingsError' && 'problems' in error;
}

function configTrouble(problems: readonly string[]): Trouble {
  return {
    exitCode: EXIT.badConfig,
    code: 'bad_config',
    what: 'The configuration is not valid',
    why: problems,
    next: [['See what is set, and where', 'fila config show']],
  };
}

function isSdkError(error: unknown): error is FilaError {
  // The brand of the SDK; its isFilaError would have to be loaded first.
  return typeof error === 'object' && error !== null && Symbol.for('fila.error') in error;
}

function sdkTrouble(error: FilaError): Trouble {
  const kind = KINDS[error.name] ?? { exitCode: EXIT.failed, what: 'The daemon answered with an error' };
  const isMistake = error.code === 'internal_error' || error.code === 'invalid_answer';
  const { what, next = [] } = { ...kind, ...CODES[error.code] };
  const wait = error.retryAfterMs ? [['Try again', `in ${coarse(error.retryAfterMs)}`] as const] : [];
  return {
    what,
    ...(next.length + wait.length > 0 ? { next: [...next, ...wait] } : {}),
    exitCode: isMistake ? EXIT.failed : kind.exitCode,
    code: error.code,
    why: [sentence(error.detail), ...placesOf(error)],
    requestId: error.requestId,
  };
}

/** One place is often all that the detail is about. */
function placesOf({ detail, errors = [] }: FilaError): string[] {
  const [first, ...others] = errors;
  const isSaid = first !== undefined && first.line === undefined && detail.includes(first.detail);
  return isSaid && others.length === 0 ? [] : errors.map(placeText);
}

function sentence(text: string): string {
  return /[.!?:)]$/.test(text) ? text : `${text}.`;
}

/** Of an upload with its line and the name that the line has. */
function placeText({ pointer, detail, line, custom_id }: NonNullable<FilaError['errors']>[number]): string {
  const where = line === undefined ? '' : `line ${line}${custom_id === undefined ? '' : ` (${custom_id})`} `;
  return `${where}${pointer || '/'}: ${detail}`;
}
