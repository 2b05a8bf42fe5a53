/** `fila upstreams show`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { upstreamView } from './upstream-view.ts';

export async function showUpstream(context: CliContext, id: string): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.upstreams.get(id), upstreamView(context.now()));
}
