/** Routes of people who may administer the broker: making, changing and removing them. */
import type { FastifyInstance } from 'fastify';
import type { CreateUser, SetUp, UpdateUser, UserList } from '../../kernel/contract.generated.ts';
import type { People } from './people.ts';
import { idOf, type WithId } from './route-parts.ts';

const PATH = '/api/v1/admin/users';
const tags = ['admin'];
const params = idOf('person');
const read = { access: 'admin', permission: 'users.read' } as const;
const write = { access: 'admin', permission: 'users.write' } as const;
const reset = { access: 'admin', permission: 'users.reset' } as const;
const user = (description: string) => ({ 200: { description, $ref: 'User#' } });

export function userRoutes({ users }: Pick<People, 'users'>) {
  return (app: FastifyInstance): void => {
    app.post<{ Body: SetUp }>('/api/v1/admin/setup', {
      config: { access: 'admin', permission: 'setup.write' },
      schema: {
        ...{ tags, operationId: 'setUp', summary: 'Make the first super-admin; with the admin token only' },
        body: { $ref: 'SetUp#' },
        response: { 201: { description: 'The super-admin.', $ref: 'User#' } },
      },
      handler: async (request, reply) => {
        const first = await users.setUp(request.body);
        void reply.code(201).header('location', `${PATH}/${first.id}`);
        return first;
      },
    });
    app.get(PATH, {
      config: read,
      schema: {
        ...{ tags, operationId: 'listUsers', summary: 'List people by name' },
        response: { 200: { description: 'All of them.', $ref: 'UserList#' } },
      },
      handler: async (): Promise<UserList> => ({ items: await users.list(), next_cursor: null }),
    });
    app.post<{ Body: CreateUser }>(PATH, {
      config: write,
      schema: {
        ...{ tags, operationId: 'createUser', summary: 'Add a person, who sets a password with the token' },
        body: { $ref: 'CreateUser#' },
        response: { 201: { description: 'The person, and the token for them.', $ref: 'PasswordReset#' } },
      },
      handler: async (request, reply) => {
        const created = await users.create(request.body);
        void reply.code(201).header('location', `${PATH}/${created.user.id}`);
        return created;
      },
    });
    app.get<WithId>(`${PATH}/:id`, {
      config: read,
      schema: {
        ...{ tags, operationId: 'getUser', summary: 'Look at a person', params },
        response: user('The person.'),
      },
      handler: (request) => users.get(request.params.id),
    });
    app.put<WithId & { Body: UpdateUser }>(`${PATH}/:id`, {
      config: write,
      schema: {
        ...{ tags, operationId: 'updateUser', summary: 'Change role or status, in force within a second' },
        ...{ params, body: { $ref: 'UpdateUser#' }, response: user('The changed person.') },
      },
      handler: (request) => users.update(request.params.id, request.body),
    });
    app.delete<WithId>(`${PATH}/:id`, {
      config: { access: 'admin', permission: 'users.remove' },
      schema: {
        ...{ tags, operationId: 'removeUser', summary: 'Remove a person', params },
        response: user('The person as they were.'),
      },
      handler: (request) => users.remove(request.params.id),
    });
    resets(app, users);
  };
}

function resets(app: FastifyInstance, users: People['users']): void {
  app.post<WithId>(`${PATH}/:id/reset-password`, {
    config: reset,
    schema: {
      ...{
        tags,
        operationId: 'resetPassword',
        summary: 'Take the password away and hand out a token',
        params,
      },
      description:
        'All sessions of the person end. With the token they set a new password within 15 minutes.',
      response: { 200: { description: 'The token for the person.', $ref: 'PasswordReset#' } },
    },
    handler: (request) => users.resetPassword(request.params.id),
  });
  app.post<WithId>(`${PATH}/:id/reset-totp`, {
    config: reset,
    schema: {
      ...{ tags, operationId: 'resetTotp', summary: 'Take the second factor away', params },
      response: user('The person without it.'),
    },
    handler: (request) => users.resetTotp(request.params.id),
  });
}
