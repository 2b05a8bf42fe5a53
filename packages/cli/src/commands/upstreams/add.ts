/** `fila upstreams add`: adds a server and says how the daemon found it. */
import type { CliContext } from '../../cli-context.ts';
import { printOne } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { upstreamView } from './upstream-view.ts';

export async function addUpstream(
  context: CliContext,
  url: string,
  { slots }: { readonly slots: number | 'auto' },
): Promise<void> {
  const fila = await context.sdk('admin');
  const added = await fila.upstreams.add({ url, slots });
  await printOne(context.out, added, upstreamView(context.now()));
  if (added.status !== 'up')
    context.out.notice(
      `It was added, but does not answer: ${oneLine(added.last_error ?? 'no probe has ended yet')}`,
    );
}
