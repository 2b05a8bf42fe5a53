/** Makes ready what the rows that start next will need, while nothing else is to be done. */
import type { DispatcherDeps } from './dispatcher-deps.ts';
import type { Pool } from './pool.ts';

/** After all that a turn of the event loop brings: the end of a call must not wait for it. */
export function prepareNext(
  { prepare, slots }: Pick<DispatcherDeps, 'prepare' | 'slots'>,
  pools: ReadonlyMap<string, Pool>,
): () => void {
  let isComing = false;
  return () => {
    if (!prepare || isComing) return;
    isComing = true;
    setImmediate(() => {
      isComing = false;
      for (const { model, ready } of pools.values())
        for (const { row } of ready.slice(0, slots.capacity(model))) prepare(row);
    });
  };
}
