/** `fila requests watch`: says each change of a request until it is final. */
import type { Request } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { jsonLine, printData } from '../../output/formats.ts';
import type { Out } from '../../output/out.ts';
import { oneLine } from '../../output/plain-text.ts';
import { printStream } from './print-stream.ts';
import { exitCodeOf, statusWord } from './request-view.ts';

export async function watchRequest(
  context: CliContext,
  id: string,
  { stream = false }: { stream?: boolean } = {},
): Promise<ExitCode> {
  const { out } = context;
  const fila = await context.sdk('client');
  if (stream) return printStream(context, fila.requests.stream(id));
  // A first look of its own: waiting goes on through a daemon that is away, a wrong id or key must not.
  const first = await fila.requests.get(id);
  let seen = '';
  const sayChange = (request: Request): void => {
    const now = `${request.status} ${request.attempts}`;
    if (now !== seen) sayState(out, request);
    seen = now;
  };
  sayChange(first);
  const last =
    exitCodeOf(first) === undefined
      ? await fila.requests.wait(id, { timeoutMs: Infinity, onChange: sayChange })
      : first;
  if (out.format === 'json' || out.format === 'yaml') await printData(out, last);
  else if (out.format === 'name') out.print(oneLine(last.id));
  else if (last.status === 'completed' && out.isTty)
    out.notice(`Read the answer:  fila requests show ${oneLine(last.id)}`);
  return exitCodeOf(last) ?? EXIT.failed;
}

/** jsonl has the whole request on each line; json and yaml say only how it ended. */
function sayState(out: Out, request: Request): void {
  if (out.format === 'jsonl') return out.print(jsonLine(request));
  if (out.format !== 'table' && out.format !== 'wide') return;
  const time = new Date(out.now()).toISOString();
  const error = request.error === null ? '' : oneLine(`${request.error.code}: ${request.error.message}`);
  if (!out.isTty) return out.print([time, request.status, request.attempts, error].join('\t'));
  const attempts = request.attempts === 0 ? '' : `attempt ${request.attempts}`;
  const words = [out.paint('dim', time.slice(11, 19)), statusWord(request, out.paint), attempts, error];
  out.print(words.filter((word) => word !== '').join('  '));
}
