/** Prints an answer as it is given; what is not the answer goes to stderr. */
import type { Request, StreamEvent } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { jsonLine, printData } from '../../output/formats.ts';
import { plainText } from '../../output/plain-text.ts';
import { exitCodeOf } from './request-view.ts';

/** jsonl has each event on a line; json and yaml say only how it ended. */
export async function printStream(
  { out }: CliContext,
  events: AsyncIterable<StreamEvent>,
): Promise<ExitCode> {
  const isText = out.format === 'table' || out.format === 'wide';
  let last: Request | undefined;
  let hasText = false;
  for await (const event of events) {
    if (out.format === 'jsonl') out.print(jsonLine(event));
    if (event.type === 'done') last = event.request;
    if (!isText) continue;
    if (event.type === 'state') out.notice(`The request is ${event.status}.`);
    if (event.type === 'restart') {
      if (hasText) out.write('\n');
      out.notice('The attempt failed: what came before is void, and the answer begins anew.');
    }
    if (event.type !== 'token' || event.text === undefined) continue;
    out.write(plainText(event.text));
    hasText = true;
  }
  if (hasText) out.write('\n');
  if (!last) return EXIT.failed;
  if (!isText && out.format !== 'jsonl') await printData(out, last);
  if (last.error) out.notice(plainText(`${last.error.code}: ${last.error.message}`));
  return exitCodeOf(last) ?? EXIT.failed;
}
