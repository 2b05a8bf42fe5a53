/** Routes of people about themselves: who they are, their sessions, their password, their second factor. */
import type { FastifyInstance } from 'fastify';
import type { ChangePassword, ConfirmTotp, SessionList } from '../../kernel/contract.generated.ts';
import type { People } from './people.ts';
import { callerOf, idOf, type WithId } from './route-parts.ts';

const PATH = '/api/v1/admin/me';
const tags = ['admin'];
const read = { access: 'admin', permission: 'own.read' } as const;
const session = { access: 'admin', permission: 'own.session' } as const;
const secure = { access: 'admin', permission: 'own.secure' } as const;
const ended = { 200: { description: 'They have ended.', $ref: 'EndedSessions#' } };

interface MeRouteDeps {
  readonly people: Pick<People, 'sessions' | 'me'>;
  readonly addressOf: (ip: string) => string;
}

export function meRoutes({ people, addressOf }: MeRouteDeps) {
  return (app: FastifyInstance): void => {
    ownSessions(app, people.sessions);
    app.get(PATH, {
      config: read,
      schema: {
        ...{ tags, operationId: 'whoami', summary: 'Say who calls, and what they may do' },
        response: { 200: { description: 'Who calls.', $ref: 'Whoami#' } },
      },
      handler: (request) => people.sessions.whoami(callerOf(request)),
    });
    app.post<{ Body: ChangePassword }>(`${PATH}/password`, {
      config: session,
      schema: {
        ...{ tags, operationId: 'changePassword', summary: 'Change the own password' },
        description: 'All other sessions of the person end.',
        body: { $ref: 'ChangePassword#' },
        response: { 200: { description: 'Whose it is.', $ref: 'User#' } },
      },
      handler: (request) => people.me.changePassword(callerOf(request), request.body, addressOf(request.ip)),
    });
    secondFactor(app, people.me);
  };
}

function ownSessions(app: FastifyInstance, sessions: People['sessions']): void {
  app.get(`${PATH}/sessions`, {
    config: session,
    schema: {
      ...{ tags, operationId: 'listOwnSessions', summary: 'List the own sessions, newest first' },
      response: { 200: { description: 'All of them.', $ref: 'SessionList#' } },
    },
    handler: async (request): Promise<SessionList> => {
      const caller = callerOf(request);
      return { items: await sessions.list(caller, caller.id!), next_cursor: null };
    },
  });
  app.post(`${PATH}/sign-out`, {
    config: { ...session, act: { name: 'sessions.sign_out', kind: 'session', isOneTransaction: true } },
    schema: {
      ...{ tags, operationId: 'signOut', summary: 'End the session of this call' },
      response: ended,
    },
    handler: (request) => sessions.signOut(callerOf(request)),
  });
  app.post(`${PATH}/sessions/revoke`, {
    config: session,
    schema: {
      ...{
        tags,
        operationId: 'revokeOwnSessions',
        summary: 'End the own sessions, but not that of this call',
      },
      response: ended,
    },
    handler: (request) => {
      const caller = callerOf(request);
      return sessions.endOthers(caller, caller.id!);
    },
  });
  app.delete<WithId>(`${PATH}/sessions/:id`, {
    config: session,
    schema: {
      ...{ tags, operationId: 'revokeOwnSession', summary: 'End one of the own sessions' },
      ...{ params: idOf('session'), response: ended },
    },
    handler: (request) => sessions.end(request.params.id, callerOf(request).id!),
  });
}

function secondFactor(app: FastifyInstance, me: People['me']): void {
  const codes = { 200: { description: 'Ten codes, shown this once.', $ref: 'RecoveryCodes#' } };
  app.post(`${PATH}/totp`, {
    config: secure,
    schema: {
      ...{ tags, operationId: 'enrolTotp', summary: 'Begin with a new authenticator' },
      description: 'It counts once its first code was confirmed; until then what was on stays on.',
      response: { 200: { description: 'Its secret, shown this once.', $ref: 'TotpEnrolment#' } },
    },
    handler: (request) => me.enrolTotp(callerOf(request)),
  });
  app.post<{ Body: ConfirmTotp }>(`${PATH}/totp/confirm`, {
    config: secure,
    schema: {
      ...{ tags, operationId: 'confirmTotp', summary: 'Switch the second factor on' },
      ...{ body: { $ref: 'ConfirmTotp#' }, response: codes },
    },
    handler: (request) => me.confirmTotp(callerOf(request), request.body),
  });
  app.delete(`${PATH}/totp`, {
    config: secure,
    schema: {
      ...{ tags, operationId: 'removeTotp', summary: 'Switch the second factor off' },
      response: { 200: { description: 'Whose it was.', $ref: 'User#' } },
    },
    handler: (request) => me.removeTotp(callerOf(request)),
  });
  app.post(`${PATH}/recovery-codes`, {
    config: secure,
    schema: {
      ...{ tags, operationId: 'newRecoveryCodes', summary: 'Make new recovery codes; the old ones end' },
      response: codes,
    },
    handler: (request) => me.newRecoveryCodes(callerOf(request)),
  });
}
