/** People who may administer a broker: needs the admin token, or a session of an admin (to look) or super-admin. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type { CreateUser, PasswordReset, SetUp, UpdateUser, User, UserList } from '../types.generated.ts';

const USERS = '/api/v1/admin/users';
const USER = `${USERS}/{id}`;

export interface Users {
  /**
   * Makes the first super-admin; with the admin token, and once.
   * @example await fila.users.setUp({ name: 'ana', password });
   */
  setUp(body: SetUp, options?: CallOptions): FilaPromise<User>;
  /**
   * Adds a person, who sets a password with the token of this answer; it is never shown again.
   * @example const { reset_token } = await fila.users.create({ name: 'bia', role: 'operator' });
   */
  create(body: CreateUser, options?: CallOptions): FilaPromise<PasswordReset>;
  /**
   * All people, by name.
   * @example const { items } = await fila.users.list();
   */
  list(options?: CallOptions): FilaPromise<UserList>;
  /**
   * One person.
   * @example const { role } = await fila.users.get('usr_…');
   */
  get(id: string, options?: CallOptions): FilaPromise<User>;
  /**
   * Changes role or status, in force within a second.
   * @example await fila.users.update('usr_…', { status: 'suspended' });
   */
  update(id: string, body: UpdateUser, options?: CallOptions): FilaPromise<User>;
  /**
   * Removes a person and ends their sessions.
   * @example await fila.users.remove('usr_…');
   */
  remove(id: string, options?: CallOptions): FilaPromise<User>;
  /**
   * Takes the password and the sessions away; the token of the answer is for the person.
   * @example const { reset_token } = await fila.users.resetPassword('usr_…');
   */
  resetPassword(id: string, options?: CallOptions): FilaPromise<PasswordReset>;
  /**
   * Takes the second factor and the sessions away.
   * @example await fila.users.resetTotp('usr_…');
   */
  resetTotp(id: string, options?: CallOptions): FilaPromise<User>;
}

export function createUsers(send: Send): Users {
  return {
    setUp: (body, options) =>
      send({ method: 'POST', path: '/api/v1/admin/setup', as: 'admin', body }, options),
    create: (body, options) => send({ method: 'POST', path: USERS, as: 'admin', body }, options),
    list: (options) => send({ method: 'GET', path: USERS, as: 'admin' }, options),
    get: (id, options) => send({ method: 'GET', path: USER, id, as: 'admin' }, options),
    update: (id, body, options) => send({ method: 'PUT', path: USER, id, as: 'admin', body }, options),
    remove: (id, options) => send({ method: 'DELETE', path: USER, id, as: 'admin' }, options),
    resetPassword: (id, options) =>
      send({ method: 'POST', path: `${USER}/reset-password`, id, as: 'admin' }, options),
    resetTotp: (id, options) =>
      send({ method: 'POST', path: `${USER}/reset-totp`, id, as: 'admin' }, options),
  };
}
