/** Routes of sessions: signing in and out, proving again who one is, looking at open sessions and ending them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type {
  ListSessionsQuery,
  RevokeSessions,
  SessionList,
  SetPassword,
  SignIn,
  StepUp,
} from '../../kernel/contract.generated.ts';
import type { People } from './people.ts';
import { meRoutes } from './me-routes.ts';
import type { From } from './sign-in-acts.ts';
import { callerOf, idOf, type WithId } from './route-parts.ts';

const PATH = '/api/v1/admin/sessions';
const anyone = { access: 'anyone' } as const;
const tags = ['admin'];
const open = { tags: ['sessions'], security: [] };

interface SessionRouteDeps {
  readonly people: Pick<People, 'sessions' | 'users' | 'me'>;
  /** What counts as one address: those of one network may be one person's. */
  readonly addressOf: (ip: string) => string;
}

export function sessionRoutes({ people, addressOf }: SessionRouteDeps) {
  return (app: FastifyInstance): void => {
    signInRoutes(app, { people, addressOf });
    meRoutes({ people, addressOf })(app);
    app.post<{ Body: StepUp }>(`${PATH}/step-up`, {
      config: { access: 'admin', permission: 'own.session' },
      schema: {
        ...{ tags, operationId: 'stepUp', summary: 'Prove again who one is, for five minutes' },
        body: { $ref: 'StepUp#' },
        response: { 200: { description: 'Proved.', $ref: 'SteppedUp#' } },
      },
      handler: (request) => people.sessions.stepUp(callerOf(request), request.body, addressOf(request.ip)),
    });
    app.get<{ Querystring: ListSessionsQuery }>(PATH, {
      config: { access: 'admin', permission: 'sessions.read' },
      schema: {
        ...{ tags, operationId: 'listSessions', summary: 'List open sessions, newest first' },
        querystring: { $ref: 'ListSessionsQuery#' },
        response: { 200: { description: 'All of them.', $ref: 'SessionList#' } },
      },
      handler: async (request): Promise<SessionList> => ({
        items: await people.sessions.list(callerOf(request), request.query.user),
        next_cursor: null,
      }),
    });
    app.delete<WithId>(`${PATH}/:id`, {
      config: { access: 'admin', permission: 'sessions.revoke' },
      schema: {
        ...{ tags, operationId: 'revokeSession', summary: 'End a session', params: idOf('session') },
        response: { 200: { description: 'It has ended.', $ref: 'EndedSessions#' } },
      },
      handler: (request) => people.sessions.end(request.params.id),
    });
    app.post<{ Body: RevokeSessions }>(`${PATH}/revoke`, {
      config: { access: 'admin', permission: 'sessions.revoke_all' },
      schema: {
        ...{ tags, operationId: 'revokeSessions', summary: 'End all sessions, but not the one of this call' },
        body: { $ref: 'RevokeSessions#' },
        response: { 200: { description: 'They have ended.', $ref: 'EndedSessions#' } },
      },
      handler: (request) => people.sessions.endOthers(callerOf(request), request.body.user),
    });
  };
}

function signInRoutes(app: FastifyInstance, { people, addressOf }: SessionRouteDeps): void {
  const fromOf = ({ ip, id, headers }: FastifyRequest): From => ({
    ...{ address: addressOf(ip), client: headers['user-agent'] ?? '', ip, requestId: id },
  });
  app.post<{ Body: SignIn }>('/api/v1/sessions', {
    config: anyone,
    schema: {
      ...{ ...open, operationId: 'signIn', summary: 'Sign in' },
      description: 'A wrong name and a wrong password are answered alike.',
      body: { $ref: 'SignIn#' },
      response: { 201: { description: 'The session, with its token.', $ref: 'SignedIn#' } },
    },
    handler: async (request, reply) => {
      const signedIn = await people.sessions.signIn(request.body, fromOf(request));
      void reply.code(201);
      return signedIn;
    },
  });
  app.post<{ Body: SetPassword }>('/api/v1/sessions/set-password', {
    config: anyone,
    schema: {
      ...{ ...open, operationId: 'setPassword', summary: 'Set a password with a reset token' },
      body: { $ref: 'SetPassword#' },
      response: { 200: { description: 'Whose it is.', $ref: 'User#' } },
    },
    handler: (request) => people.users.setPassword(request.body, fromOf(request)),
  });
}
