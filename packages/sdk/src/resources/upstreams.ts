/** The Ollama servers of a broker, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type {
  CreateUpstream,
  SetUpstreamBreaker,
  UpdateUpstream,
  Upstream,
  UpstreamList,
} from '../types.generated.ts';

const UPSTREAMS = '/api/v1/admin/upstreams';

/** The id of an upstream is its host and port, such as `10.0.0.5:11434`. */
export interface Upstreams {
  /**
   * All of them and how they are, as the broker that answers sees them.
   * @example const { items } = await fila.upstreams.list();
   */
  list(options?: CallOptions): FilaPromise<UpstreamList>;
  /**
   * One of them.
   * @example const { status, running } = await fila.upstreams.get('10.0.0.5:11434');
   */
  get(id: string, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * Adds a server; answers once it was probed, also when it is down.
   * @example const { status } = await fila.upstreams.add({ url: 'http://10.0.0.5:11434', slots: 4 });
   */
  add(body: CreateUpstream, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * Changes one that was added at run time.
   * @example await fila.upstreams.update('10.0.0.5:11434', { slots: 2 });
   */
  update(id: string, body: UpdateUpstream, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * Removes one that was added at run time; calls that run there end normally.
   * @example await fila.upstreams.remove('10.0.0.5:11434');
   */
  remove(id: string, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * It is chosen again.
   * @example await fila.upstreams.enable('10.0.0.5:11434');
   */
  enable(id: string, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * It is not chosen any more; requests that only it could answer wait.
   * @example await fila.upstreams.disable('10.0.0.5:11434');
   */
  disable(id: string, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * Its calls end and none start, before maintenance for example.
   * @example await fila.upstreams.drain('10.0.0.5:11434');
   */
  drain(id: string, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * Calls start again.
   * @example await fila.upstreams.undrain('10.0.0.5:11434');
   */
  undrain(id: string, options?: CallOptions): FilaPromise<Upstream>;
  /**
   * Forces its circuit breakers open or closed, or leaves them to themselves again.
   * @example await fila.upstreams.setBreaker('10.0.0.5:11434', 'auto');
   */
  setBreaker(id: string, state: SetUpstreamBreaker['state'], options?: CallOptions): FilaPromise<Upstream>;
}

export function createUpstreams(send: Send): Upstreams {
  const verb =
    (name: string) =>
    (id: string, options?: CallOptions): FilaPromise<Upstream> =>
      send({ method: 'POST', ...pathTo(id, `/${name}`), as: 'admin' }, options);
  return {
    list: (options) => send({ method: 'GET', path: UPSTREAMS, as: 'admin' }, options),
    get: (id, options) => send({ method: 'GET', ...pathTo(id), as: 'admin' }, options),
    add: (body, options) => send({ method: 'POST', path: UPSTREAMS, as: 'admin', body }, options),
    update: (id, body, options) => send({ method: 'PUT', ...pathTo(id), as: 'admin', body }, options),
    remove: (id, options) => send({ method: 'DELETE', ...pathTo(id), as: 'admin' }, options),
    enable: verb('enable'),
    disable: verb('disable'),
    drain: verb('drain'),
    undrain: verb('undrain'),
    setBreaker: (id, state, options) =>
      send({ method: 'POST', ...pathTo(id, '/breaker'), as: 'admin', body: { state } }, options),
  };
}

/** What is no host:port is left to the check of all ids, so that it is refused as they are. */
function pathTo(id: string, suffix = ''): { path: string; id?: string } {
  const isHostAndPort = /^([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/.test(id);
  if (!isHostAndPort) return { path: `${UPSTREAMS}/{id}${suffix}`, id };
  return { path: `${UPSTREAMS}/${encodeURIComponent(id)}${suffix}` };
}
