/** Reads an upload line by line, checks each as if it came alone, and puts it down sealed; all that is wrong is said at once. */
import type { BatchLine } from '../../kernel/contract.generated.ts';
import { fail, FilaError, type WrongPlace } from '../../kernel/errors.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { Arrival, Prepared } from '../requests/requests.ts';
import type { NewLine } from './batch-store.ts';
import { readLines, TooManyBytes, type Line, type LineLimits } from './read-lines.ts';

export const MAX_LINES = 10_000;
/** Lines that are named when an upload is refused. */
const MOST_NAMED = 100;
/** Lines are written together until they are so many, or so large. */
const GROUP_LINES = 200;
const GROUP_BYTES = 1_048_576;

export interface StageDeps {
  /** The value of a line; throws what a client reads when it is none. */
  readonly parse: (bytes: Buffer) => unknown;
  /** Throws what a client reads when the value is not of the contract. */
  readonly check: (value: unknown) => void;
  /** What a request passes through before it is stored. */
  readonly arrive: (arrival: Arrival) => Promise<Prepared>;
  readonly sealCustomId: (id: string, customId: string) => Buffer;
  readonly limits: LineLimits;
}

export interface Staged {
  readonly total: number;
  /** How many of them go into each queue. */
  readonly queues: ReadonlyMap<string, number>;
}

/** `put` is given each line once, in order, a group at a time; what is put down when this throws is to be thrown away. */
export async function stageUpload(
  deps: StageDeps,
  key: AcceptedKey,
  body: AsyncIterable<Buffer>,
  put: (lines: readonly NewLine[]) => Promise<void>,
): Promise<Staged> {
  const upload = newUpload(deps, key, put);
  try {
    for await (const line of readLines(body, deps.limits)) {
      await upload.take(line);
      if (upload.isHopeless()) break;
    }
  } catch (error) {
    if (error instanceof TooManyBytes)
      throw fail('body_too_large', { detail: `An upload may have ${deps.limits.maxBytes} bytes.` });
    throw isCutOff(error)
      ? fail('bad_request', { detail: 'The upload ended before its end.', cause: error })
      : error;
  }
  return upload.end();
}

function newUpload(deps: StageDeps, key: AcceptedKey, put: (lines: readonly NewLine[]) => Promise<void>) {
  const lineOf = new Map<string, number>();
  const queues = new Map<string, number>();
  const wrong: WrongPlace[] = [];
  let wrongLines = 0;
  let total = 0;
  let group: NewLine[] = [];
  let groupBytes = 0;

  async function writeGroup(): Promise<void> {
    const lines = group;
    group = [];
    groupBytes = 0;
    if (lines.length > 0 && wrongLines === 0) await put(lines);
  }

  async function add(line: number, { custom_id: customId, request }: BatchLine): Promise<void> {
    const first = lineOf.get(customId);
    if (first !== undefined) throw wrongAt('/custom_id', `is that of line ${first} already`);
    lineOf.set(customId, line);
    const { row, lane } = await deps
      .arrive({ key, input: request, idempotencyKey: null })
      .catch((error: unknown) => Promise.reject(inRequest(error)));
    queues.set(lane.queue, (queues.get(lane.queue) ?? 0) + 1);
    group.push({ line: total, row, customId: deps.sealCustomId(row.id, customId) });
    groupBytes += row.body.length + (row.metadata?.length ?? 0);
    if (group.length >= GROUP_LINES || groupBytes >= GROUP_BYTES) await writeGroup();
  }

  function refuse(line: number, value: unknown, error: unknown): void {
    if (!isAboutLine(error)) throw error;
    const named = (value as Partial<BatchLine> | null | undefined)?.custom_id;
    const about = { line, ...(typeof named === 'string' ? { custom_id: named.slice(0, 128) } : {}) };
    for (const place of placesOf(error)) wrong.push({ ...place, ...about });
    wrongLines += 1;
  }

  return {
    take: async ({ number, bytes }: Line): Promise<void> => {
      total += 1;
      let value: unknown;
      try {
        if (total > MAX_LINES) throw wrongAt('', `is one more than the ${MAX_LINES} that an upload may have`);
        if (!bytes) throw wrongAt('', `has more than ${deps.limits.maxLineBytes} bytes`);
        value = deps.parse(bytes);
        deps.check(value);
        await add(number, value as BatchLine);
      } catch (error) {
        refuse(number, value, error);
      }
    },
    isHopeless: () => wrongLines >= MOST_NAMED || total > MAX_LINES,
    end: async (): Promise<Staged> => {
      if (wrong.length > 0) throw refusal(wrong, wrongLines);
      if (total === 0) throw fail('validation_failed', { detail: 'The upload has no lines.' });
      await writeGroup();
      return { total, queues };
    },
  };
}

function refusal(wrong: readonly WrongPlace[], wrongLines: number): FilaError {
  const { line, pointer, detail } = wrong[0]!;
  const count = wrongLines === 1 ? '1 line is wrong' : `${wrongLines} lines are wrong`;
  const first = `line ${line}${pointer === '' ? '' : ` ${pointer}`} ${detail}`;
  return fail('validation_failed', {
    detail: `${count}, so that nothing was accepted: ${first}.`,
    errors: wrong,
  });
}

/** The client went away: what is thrown is of the body, and no defect. Nobody reads the answer. */
function isCutOff(error: unknown): boolean {
  return (error as { code?: string }).code === 'ECONNRESET' && (error as Error).message === 'aborted';
}

/** What is wrong with a line must not hide what is wrong with the others; anything else concerns all of them. */
function isAboutLine(error: unknown): error is FilaError {
  return (
    error instanceof FilaError && (error.details.errors !== undefined || error.code === 'malformed_json')
  );
}

function placesOf({ message, details }: FilaError): readonly WrongPlace[] {
  return details.errors ?? [{ pointer: '', detail: message.replace(/^The body /, '').replace(/\.$/, '') }];
}

/** Said of a request; here it is a part of the line. */
function inRequest(error: unknown): unknown {
  if (!isAboutLine(error)) return error;
  const errors = placesOf(error).map((place) => ({ ...place, pointer: `/request${place.pointer}` }));
  return fail(error.code, { ...error.details, errors });
}

function wrongAt(pointer: string, detail: string): FilaError {
  return fail('validation_failed', { errors: [{ pointer, detail }] });
}
