/** Routes of aliases of models, for operators. */
import type { FastifyInstance } from 'fastify';
import type { ModelAliasList, SetModelAlias } from '../../kernel/contract.generated.ts';
import type { Act } from '../audit/audit.ts';
import type { Aliases } from './aliases.ts';

type WithName = { Params: { name: string } };

const PATH = '/api/v1/admin/models/aliases';
const NAME = {
  type: 'object',
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      maxLength: 200,
      pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]*$',
      description: 'The alias: what clients ask for.',
    },
  },
};
const read = { access: 'admin', permission: 'models.read' } as const;
const config = { access: 'admin', permission: 'models.alias' } as const;
const tags = ['admin'];
const alias = (description: string) => ({ 200: { description, $ref: 'ModelAlias#' } });

export function aliasRoutes(aliases: Aliases) {
  const acting = (verb: string) => ({
    ...config,
    act: {
      ...{ name: `models.${verb}`, kind: 'alias', isOneTransaction: true },
      state: (name) => aliases.get(name),
    } satisfies Act,
  });

  return (app: FastifyInstance): void => {
    app.get(PATH, {
      config: read,
      schema: {
        ...{ tags, operationId: 'listModelAliases', summary: 'List other names of models' },
        response: { 200: { description: 'All of them, by alias.', $ref: 'ModelAliasList#' } },
      },
      handler: async (): Promise<ModelAliasList> => ({ items: await aliases.list(), next_cursor: null }),
    });
    app.put<WithName & { Body: SetModelAlias }>(`${PATH}/:name`, {
      config: acting('alias'),
      schema: {
        ...{ tags, operationId: 'setModelAlias', summary: 'Give a model another name, within a second' },
        ...{ params: NAME, body: { $ref: 'SetModelAlias#' } },
        response: alias('The alias.'),
      },
      handler: (request) => aliases.set(request.params.name, request.body.model),
    });
    app.delete<WithName>(`${PATH}/:name`, {
      config: acting('unalias'),
      schema: {
        ...{ tags, operationId: 'removeModelAlias', summary: 'Take another name of a model away' },
        params: NAME,
        response: alias('The alias as it was.'),
      },
      handler: (request) => aliases.remove(request.params.name),
    });
  };
}
