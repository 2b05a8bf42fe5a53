/** Sessions of people: signing in gives a token that stands where the admin token stands. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import type {
  EndedSessions,
  ListSessionsQuery,
  RevokeSessions,
  SessionList,
  SignedIn,
  SignIn,
  StepUp,
  SteppedUp,
  Whoami,
} from '../types.generated.ts';

const SESSIONS = '/api/v1/admin/sessions';
const ME = '/api/v1/admin/me';

export interface Sessions {
  /**
   * Signs in. `totp_required`: the same again, with a code.
   * @example const { token } = await fila.sessions.signIn({ name: 'ana', password });
   */
  signIn(body: SignIn, options?: CallOptions): FilaPromise<SignedIn>;
  /**
   * Who calls, and what they may do.
   * @example const { name, role, permissions } = await fila.sessions.whoami();
   */
  whoami(options?: CallOptions): FilaPromise<Whoami>;
  /**
   * Ends the session of this client.
   * @example await fila.sessions.signOut();
   */
  signOut(options?: CallOptions): FilaPromise<EndedSessions>;
  /**
   * Proves again who one is: dangerous calls ask for it with `step_up_required`.
   * @example await fila.sessions.stepUp({ code: '123456' });
   */
  stepUp(body: StepUp, options?: CallOptions): FilaPromise<SteppedUp>;
  /**
   * The own open sessions.
   * @example const { items } = await fila.sessions.listOwn();
   */
  listOwn(options?: CallOptions): FilaPromise<SessionList>;
  /**
   * Ends one of the own sessions.
   * @example await fila.sessions.revokeOwn('ses_…');
   */
  revokeOwn(id: string, options?: CallOptions): FilaPromise<EndedSessions>;
  /**
   * Ends the own sessions but this one.
   * @example await fila.sessions.revokeOthers();
   */
  revokeOthers(options?: CallOptions): FilaPromise<EndedSessions>;
  /**
   * The open sessions of everybody, or of one person.
   * @example const { items } = await fila.sessions.list({ user: 'usr_…' });
   */
  list(query?: ListSessionsQuery, options?: CallOptions): FilaPromise<SessionList>;
  /**
   * Ends a session of anybody.
   * @example await fila.sessions.revoke('ses_…');
   */
  revoke(id: string, options?: CallOptions): FilaPromise<EndedSessions>;
  /**
   * Ends the sessions of everybody, or of one person, but this one.
   * @example await fila.sessions.revokeAll({ user: 'usr_…' });
   */
  revokeAll(body?: RevokeSessions, options?: CallOptions): FilaPromise<EndedSessions>;
}

export function createSessions(send: Send): Sessions {
  return {
    signIn: (body, options) =>
      send({ method: 'POST', path: '/api/v1/sessions', as: 'anyone', body }, options),
    whoami: (options) => send({ method: 'GET', path: ME, as: 'admin' }, options),
    signOut: (options) => send({ method: 'POST', path: `${ME}/sign-out`, as: 'admin' }, options),
    stepUp: (body, options) =>
      send({ method: 'POST', path: `${SESSIONS}/step-up`, as: 'admin', body }, options),
    listOwn: (options) => send({ method: 'GET', path: `${ME}/sessions`, as: 'admin' }, options),
    revokeOwn: (id, options) =>
      send({ method: 'DELETE', path: `${ME}/sessions/{id}`, id, as: 'admin' }, options),
    revokeOthers: (options) => send({ method: 'POST', path: `${ME}/sessions/revoke`, as: 'admin' }, options),
    list: (query, options) => send({ method: 'GET', path: SESSIONS, as: 'admin', query }, options),
    revoke: (id, options) => send({ method: 'DELETE', path: `${SESSIONS}/{id}`, id, as: 'admin' }, options),
    revokeAll: (body = {}, options) =>
      send({ method: 'POST', path: `${SESSIONS}/revoke`, as: 'admin', body }, options),
  };
}
