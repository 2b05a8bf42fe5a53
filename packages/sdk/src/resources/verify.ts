/** Whether everything that the broker stores fits together; with the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { Verification } from '../types.generated.ts';

const VERIFY = '/api/v1/admin/verify';

export interface Verify {
  /**
   * Looks, and changes nothing.
   * @example const { status, problems } = await fila.verify.check();
   */
  check(options?: CallOptions): FilaPromise<Verification>;
  /**
   * Mends what can be mended without a person, and says what is left.
   * @example const { problems } = await fila.verify.fix();
   */
  fix(options?: CallOptions): FilaPromise<Verification>;
}

/** All that is stored is read; Node's fetch waits no longer than this for an answer. */
const PATIENCE: CallOptions = { timeoutMs: 300_000, maxRetries: 0 };

export function createVerify(send: Send): Verify {
  return {
    check: (options) => send({ method: 'GET', path: VERIFY, as: 'admin' }, { ...PATIENCE, ...options }),
    fix: (options) =>
      send({ method: 'POST', path: `${VERIFY}/fix`, as: 'admin' }, { ...PATIENCE, ...options }),
  };
}
