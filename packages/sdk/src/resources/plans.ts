/** Plans, the named sets of limits that keys have, for an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { CreatePlan, Plan, PlanList, UpdatePlan } from '../types.generated.ts';

const PLANS = '/api/v1/admin/plans';
const PLAN = `${PLANS}/{id}`;

export interface Plans {
  /**
   * Makes a plan; what is not named is not limited.
   * @example await fila.plans.create({ name: 'gold', limit_minute: 600 });
   */
  create(body: CreatePlan, options?: CallOptions): FilaPromise<Plan>;
  /**
   * All plans.
   * @example const { items } = await fila.plans.list();
   */
  list(options?: CallOptions): FilaPromise<PlanList>;
  /**
   * One plan.
   * @example const { limit_minute } = await fila.plans.get('gold');
   */
  get(name: string, options?: CallOptions): FilaPromise<Plan>;
  /**
   * Changes what the body names; its keys follow within a second.
   * @example await fila.plans.update('gold', { limit_minute: 900 });
   */
  update(name: string, body: UpdatePlan, options?: CallOptions): FilaPromise<Plan>;
  /**
   * Removes a plan that no key has.
   * @example await fila.plans.remove('gold');
   */
  remove(name: string, options?: CallOptions): FilaPromise<Plan>;
}

export function createPlans(send: Send): Plans {
  return {
    create: (body, options) => send({ method: 'POST', path: PLANS, as: 'admin', body }, options),
    list: (options) => send({ method: 'GET', path: PLANS, as: 'admin' }, options),
    get: (name, options) => send({ method: 'GET', path: PLAN, id: name, as: 'admin' }, options),
    update: (name, body, options) =>
      send({ method: 'PUT', path: PLAN, id: name, as: 'admin', body }, options),
    remove: (name, options) => send({ method: 'DELETE', path: PLAN, id: name, as: 'admin' }, options),
  };
}
