/** `fila upstreams list`. */
import type { Upstream } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { upstreamColumns } from './upstream-view.ts';

export async function listUpstreams(context: CliContext): Promise<void> {
  const fila = await context.sdk('admin');
  await printPages<Upstream>(context.out, {
    columns: upstreamColumns(context.now()),
    getPage: () => fila.upstreams.list(),
    isAll: false,
    whenEmpty: 'No upstreams. Add one:  fila upstreams add http://127.0.0.1:11434',
  });
}
