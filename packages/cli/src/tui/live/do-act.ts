/** Does what was confirmed, one by one, and says how it went. */
import type { Fila } from '@fila/sdk';
import type { ActName } from '../state/keymap.ts';
import type { Act } from '../state/top-state.ts';

export interface ActResult {
  readonly done: number;
  /** What went wrong with the first that failed; the others were tried all the same. */
  readonly error: string | null;
  readonly failed: number;
}

type Do = (fila: Fila, id: string, reason: string | null) => Promise<unknown>;

const DOES: Record<ActName, Do> = {
  cancel: (fila, id) => fila.requests.cancelAny(id),
  retry: (fila, id) => fila.deadLetters.retry(id),
  discard: (fila, id, reason) => fila.deadLetters.discard(id, { reason: reason ?? '' }),
  suspend: (fila, id) => fila.keys.suspend(id),
  resume: (fila, id) => fila.keys.resume(id),
  revoke: (fila, id) => fila.keys.revoke(id),
  drain: (fila, id) => fila.upstreams.drain(id),
  undrain: (fila, id) => fila.upstreams.undrain(id),
  disable: (fila, id) => fila.upstreams.disable(id),
  enable: (fila, id) => fila.upstreams.enable(id),
};

export async function doAct(fila: Fila, { name, ids, reason }: Act): Promise<ActResult> {
  let done = 0;
  let error: string | null = null;
  for (const id of ids) {
    try {
      await DOES[name](fila, id, reason);
      done += 1;
    } catch (thrown) {
      error ??= thrown instanceof Error ? thrown.message : String(thrown);
    }
  }
  return { done, error, failed: ids.length - done };
}
