/** `fila requests send`: hands over a prompt; prints the id, or waits and prints the answer. */
import { readFile } from 'node:fs/promises';
import type { CreateRequest, Fila, Request } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { CliError, usageError } from '../../output/error-text.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { printData } from '../../output/formats.ts';
import { oneLine, plainText } from '../../output/plain-text.ts';
import { printStream } from './print-stream.ts';
import { exitCodeOf } from './request-view.ts';

export interface SendFlags {
  readonly file?: string;
  readonly model?: string;
  readonly system?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
  readonly format?: 'json';
  readonly metadata?: Record<string, string>;
  readonly priority?: number;
  readonly queue?: string;
  readonly wait?: string | true;
  readonly stream?: boolean;
}

export async function sendRequest(
  context: CliContext,
  given: string | undefined,
  flags: SendFlags,
): Promise<ExitCode> {
  const { out } = context;
  const { words, waitSeconds } = untangle(given, flags.wait);
  const prompt = await findPrompt(context, words, flags.file);
  const fila = await context.sdk('client');
  const sent = await fila.requests.create(bodyOf(prompt, flags));
  if (flags.stream) {
    out.notice(
      `Sent ${oneLine(sent.id)} to ${oneLine(sent.model)}. Ctrl-C stops the listening, not the request.`,
    );
    return printStream(context, fila.requests.stream(sent.id));
  }
  if (waitSeconds === undefined) {
    if (!(await printData(out, sent))) out.print(oneLine(sent.id));
    if (out.isTty) out.notice(`Follow it:  fila requests watch ${oneLine(sent.id)}`);
    return EXIT.ok;
  }
  out.notice(
    `Sent ${oneLine(sent.id)} to ${oneLine(sent.model)}. Ctrl-C stops the waiting, not the request.`,
  );
  return showAnswer(context, await waitFor(fila, sent, waitSeconds));
}

/** `--wait "Say hello"` takes the prompt for its number of seconds: what is not a number is the prompt. */
function untangle(
  given: string | undefined,
  wait: SendFlags['wait'],
): { words: string | undefined; waitSeconds: number | undefined } {
  if (wait === undefined) return { words: given, waitSeconds: undefined };
  if (wait === true) return { words: given, waitSeconds: Infinity };
  if (/^\d{1,7}$/.test(wait)) return { words: given, waitSeconds: Number(wait) };
  if (given !== undefined) throw usageError(`--wait ${wait} is not a whole number of seconds`);
  return { words: wait, waitSeconds: Infinity };
}

async function findPrompt(
  context: CliContext,
  words: string | undefined,
  file: string | undefined,
): Promise<string> {
  if (words !== undefined && file !== undefined)
    throw usageError('The prompt was given twice: as an argument and with --file');
  const prompt =
    file === undefined ? words : file === '-' ? await context.readInput() : await readFile(file, 'utf8');
  if (prompt === undefined || prompt === '')
    throw usageError('There is no prompt', [
      ['Give it', 'fila requests send "Say hello" --wait'],
      ['Or pipe it', 'fila requests send --file - < prompt.txt'],
    ]);
  return prompt;
}

function bodyOf(prompt: string, flags: SendFlags): CreateRequest {
  const { model, system, maxTokens, temperature, seed, format, metadata, priority, queue } = flags;
  const parameters = { max_tokens: maxTokens, temperature, seed };
  const isSet = Object.values(parameters).some((value) => value !== undefined);
  return { prompt, model, system, format, metadata, priority, queue, ...(isSet ? { parameters } : {}) };
}

async function waitFor(fila: Fila, sent: Request, waitSeconds: number): Promise<Request> {
  try {
    return await fila.requests.wait(sent.id, { timeoutMs: waitSeconds * 1000 });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'TimedOut') throw error;
    throw new CliError({
      exitCode: EXIT.unreachable,
      code: 'timed_out',
      what: `No answer within ${waitSeconds} s; the request goes on`,
      next: [
        ['Follow it', `fila requests watch ${sent.id}`],
        ['Stop it', `fila requests cancel ${sent.id}`],
      ],
    });
  }
}

async function showAnswer(context: CliContext, request: Request): Promise<ExitCode> {
  const { out } = context;
  const isShown = await printData(out, request);
  if (!isShown && out.format === 'name') out.print(oneLine(request.id));
  else if (!isShown && request.result !== null) out.print(plainText(request.result.text));
  if (request.status === 'completed') {
    if (request.result?.finish_reason === 'length')
      out.notice('The answer was cut off: max_tokens or the context was reached.');
    if (request.degraded) out.notice(`${oneLine(request.model)} answered instead: the model had failed.`);
    return EXIT.ok;
  }
  throw new CliError({
    exitCode: exitCodeOf(request) ?? EXIT.failed,
    code: request.error?.code ?? request.status,
    what: request.status === 'cancelled' ? 'The request was cancelled' : `The request ${request.status}`,
    why: request.error === null ? [] : [`${request.error.code}: ${request.error.message}`],
    next: [['Look at it', `fila requests show ${request.id}`]],
  });
}
