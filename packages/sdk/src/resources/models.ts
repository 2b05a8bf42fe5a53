/** The models of the upstreams, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type {
  InstalledModelList,
  ModelAlias,
  ModelAliasList,
  ModelPreload,
  PreloadModel,
  SetModelAlias,
} from '../types.generated.ts';

const MODELS = '/api/v1/admin/models';
const ALIASES = `${MODELS}/aliases`;
const ALIAS = `${ALIASES}/{id}`;

export interface ModelAliases {
  /**
   * All other names of models.
   * @example const { items } = await fila.models.aliases.list();
   */
  list(options?: CallOptions): FilaPromise<ModelAliasList>;
  /**
   * Who asks for the alias gets the model, on every broker within a second.
   * @example await fila.models.aliases.set('fast', { model: 'gemma2:2b' });
   */
  set(alias: string, body: SetModelAlias, options?: CallOptions): FilaPromise<ModelAlias>;
  /**
   * Takes the name away.
   * @example await fila.models.aliases.remove('fast');
   */
  remove(alias: string, options?: CallOptions): FilaPromise<ModelAlias>;
}

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
  readonly aliases: ModelAliases;
}

/** Large models take minutes; Node's fetch waits no longer than this for an answer. */
const PATIENCE: CallOptions = { timeoutMs: 300_000, maxRetries: 0 };

export function createModels(send: Send): Models {
  return {
    list: (options) => send({ method: 'GET', path: MODELS, as: 'admin' }, options),
    preload: (body, options) =>
      send({ method: 'POST', path: `${MODELS}/preload`, as: 'admin', body }, { ...PATIENCE, ...options }),
    aliases: {
      list: (options) => send({ method: 'GET', path: ALIASES, as: 'admin' }, options),
      set: (alias, body, options) =>
        send({ method: 'PUT', path: ALIAS, id: alias, as: 'admin', body }, options),
      remove: (alias, options) => send({ method: 'DELETE', path: ALIAS, id: alias, as: 'admin' }, options),
    },
  };
}
