/** Whether the broker lives, and whether it can take requests. Needs no key. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { Liveness, Readiness } from '../types.generated.ts';

export interface ReadyOptions extends CallOptions {
  /** With each check of its own. */
  verbose?: boolean;
}

export interface Health {
  /**
   * Whether the process answers at all.
   * @example await fila.health.live();
   */
  live(options?: CallOptions): FilaPromise<Liveness>;
  /**
   * Whether requests are accepted. A broker that is down answers too: that is data with status `down`, not an error.
   * @example const { status, checks } = await fila.health.ready({ verbose: true });
   */
  ready(options?: ReadyOptions): FilaPromise<Readiness>;
}

export function createHealth(send: Send): Health {
  return {
    live: (options) => send({ method: 'GET', path: '/livez', as: 'anyone' }, options),
    ready: ({ verbose, ...options } = {}) => {
      const query = verbose ? { verbose: true } : {};
      return send({ method: 'GET', path: '/readyz', query, as: 'anyone', isData: isReadiness }, options);
    },
  };
}

function isReadiness(status: number, body: object): boolean {
  return status === 503 && ['ok', 'degraded', 'down'].includes((body as Partial<Readiness>).status ?? '');
}
