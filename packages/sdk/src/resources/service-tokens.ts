/** Tokens of programs, such as a pipeline: they stand where the admin token stands, and do what their scopes name. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type {
  CreatedServiceToken,
  CreateServiceToken,
  ServiceToken,
  ServiceTokenList,
} from '../types.generated.ts';

const TOKENS = '/api/v1/admin/service-tokens';
const TOKEN = `${TOKENS}/{id}`;

export interface ServiceTokens {
  /**
   * Makes a token; it is in this answer and never shown again.
   * @example const { token } = await fila.serviceTokens.create({ name: 'ci', scopes: ['keys.read'], expires_at });
   */
  create(body: CreateServiceToken, options?: CallOptions): FilaPromise<CreatedServiceToken>;
  /**
   * All tokens, newest first.
   * @example const { items } = await fila.serviceTokens.list();
   */
  list(options?: CallOptions): FilaPromise<ServiceTokenList>;
  /**
   * One token, without its secret.
   * @example const { scopes } = await fila.serviceTokens.get('svc_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<ServiceToken>;
  /**
   * The token is refused for good.
   * @example await fila.serviceTokens.revoke('svc_…');
   */
  revoke(id: string, options?: CallOptions): FilaPromise<ServiceToken>;
}

export function createServiceTokens(send: Send): ServiceTokens {
  return {
    create: (body, options) => send({ method: 'POST', path: TOKENS, as: 'admin', body }, options),
    list: (options) => send({ method: 'GET', path: TOKENS, as: 'admin' }, options),
    get: (id, options) => send({ method: 'GET', path: TOKEN, id, as: 'admin' }, options),
    revoke: (id, options) => send({ method: 'DELETE', path: TOKEN, id, as: 'admin' }, options),
  };
}
