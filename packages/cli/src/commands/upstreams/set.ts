/** `fila upstreams set`. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { upstreamView } from './upstream-view.ts';

export async function setUpstream(
  context: CliContext,
  id: string,
  { slots }: { readonly slots: number | 'auto' },
): Promise<void> {
  const fila = await context.sdk('admin');
  await printOne(context.out, await fila.upstreams.update(id, { slots }), upstreamView(context.now()));
}
