/** The models of the upstreams, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { InstalledModelList, ModelPreload, PreloadModel } from '../types.generated.ts';

const MODELS = '/api/v1/admin/models';

export interface Models {
  /**
   * Those of all upstreams that are up, and which are loaded.
   * @example const { items } = await fila.models.list();
   */
  list(options?: CallOptions): FilaPromise<InstalledModelList>;
  /**
   * Loads a model before the first request needs it; answers when it is loaded, or could not be.
   * @example const { items } = await fila.models.preload({ model: 'llama3:8b' });
   */
  preload(body: PreloadModel, options?: CallOptions): FilaPromise<ModelPreload>;
}

/** Large models take minutes; Node's fetch waits no longer than this for an answer. */
const PATIENCE: CallOptions = { timeoutMs: 300_000, maxRetries: 0 };

export function createModels(send: Send): Models {
  return {
    list: (options) => send({ method: 'GET', path: MODELS, as: 'admin' }, options),
    preload: (body, options) =>
      send({ method: 'POST', path: `${MODELS}/preload`, as: 'admin', body }, { ...PATIENCE, ...options }),
  };
}
