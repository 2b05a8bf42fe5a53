/** What a person does about themselves: password, second factor, recovery codes. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type {
  ChangePassword,
  ConfirmTotp,
  RecoveryCodes,
  SetPassword,
  TotpEnrolment,
  User,
} from '../types.generated.ts';

const ME = '/api/v1/admin/me';

export interface Me {
  /**
   * Sets a first or a new password with a reset token; needs nothing else.
   * @example await fila.me.setPassword({ reset_token, password });
   */
  setPassword(body: SetPassword, options?: CallOptions): FilaPromise<User>;
  /**
   * Changes the own password and ends the other sessions.
   * @example await fila.me.changePassword({ current_password, new_password });
   */
  changePassword(body: ChangePassword, options?: CallOptions): FilaPromise<User>;
  /**
   * Begins with a new authenticator; it counts once `confirmTotp` saw a code of it.
   * @example const { uri } = await fila.me.enrolTotp();
   */
  enrolTotp(options?: CallOptions): FilaPromise<TotpEnrolment>;
  /**
   * Switches the second factor on; the recovery codes are never shown again.
   * @example const { codes } = await fila.me.confirmTotp({ code: '123456' });
   */
  confirmTotp(body: ConfirmTotp, options?: CallOptions): FilaPromise<RecoveryCodes>;
  /**
   * Switches the second factor off.
   * @example await fila.me.removeTotp();
   */
  removeTotp(options?: CallOptions): FilaPromise<User>;
  /**
   * Ten new recovery codes; the old ones end.
   * @example const { codes } = await fila.me.newRecoveryCodes();
   */
  newRecoveryCodes(options?: CallOptions): FilaPromise<RecoveryCodes>;
}

export function createMe(send: Send): Me {
  return {
    setPassword: (body, options) =>
      send({ method: 'POST', path: '/api/v1/sessions/set-password', as: 'anyone', body }, options),
    changePassword: (body, options) =>
      send({ method: 'POST', path: `${ME}/password`, as: 'admin', body }, options),
    enrolTotp: (options) => send({ method: 'POST', path: `${ME}/totp`, as: 'admin' }, options),
    confirmTotp: (body, options) =>
      send({ method: 'POST', path: `${ME}/totp/confirm`, as: 'admin', body }, options),
    removeTotp: (options) => send({ method: 'DELETE', path: `${ME}/totp`, as: 'admin' }, options),
    newRecoveryCodes: (options) =>
      send({ method: 'POST', path: `${ME}/recovery-codes`, as: 'admin' }, options),
  };
}
