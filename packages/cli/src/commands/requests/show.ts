/** `fila requests show`: what is known of a request, an empty line, its answer. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { plainText } from '../../output/plain-text.ts';
import { requestView } from './request-view.ts';

export async function showRequest(context: CliContext, id: string): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('client');
  const request = await fila.requests.get(id);
  await printOne(out, request, requestView(context.now()));
  if (request.result === null || (out.format !== 'table' && out.format !== 'wide')) return;
  out.print('');
  if (out.format === 'wide' && request.result.thinking)
    out.print(`${out.paint('dim', plainText(request.result.thinking))}\n`);
  out.print(plainText(request.result.text));
}
