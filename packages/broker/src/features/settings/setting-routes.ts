/** Routes of settings, for operators: look, change, and go back to a version. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type {
  ListSettingVersionsQuery,
  SetSetting,
  SettingVersion,
} from '../../kernel/contract.generated.ts';
import type { Act } from '../audit/audit.ts';
import type { Author, SettingsRoom } from './settings.ts';

type WithName = { Params: { name: string } };
type WithVersion = { Params: { version: number } };

const PATH = '/api/v1/admin/settings';
const NAME = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', description: 'Name of the setting, such as maxQueued.' } },
};
const VERSION = {
  type: 'object',
  required: ['version'],
  properties: {
    version: { type: 'integer', minimum: 0, maximum: 2_147_483_647, description: '0: as the start says.' },
  },
};
const read = { access: 'admin', permission: 'settings.read' } as const;
const config = { access: 'admin', permission: 'settings.write' } as const;
const tags = ['admin'];
const setting = (description: string) => ({ 200: { description, $ref: 'Setting#' } });

interface SettingRouteDeps {
  readonly settings: SettingsRoom;
  /** Who calls, and the reason that was given. */
  readonly authorOf: (request: FastifyRequest) => Author;
}

export function settingRoutes({ settings, authorOf }: SettingRouteDeps) {
  const acting = (verb: string) => ({
    ...config,
    act: {
      ...{ name: `settings.${verb}`, kind: 'setting', isOneTransaction: true },
      state: async (name) => ({ override: await settings.overrideOf(name) }),
    } satisfies Act,
  });
  const restoring = {
    ...{ name: 'settings.restore', kind: 'settings', isOneTransaction: true },
    idOf: ({ answer }) => (answer ? String((answer as SettingVersion).version) : null),
  } satisfies Act;

  return (app: FastifyInstance): void => {
    app.get(PATH, {
      config: read,
      schema: {
        ...{ tags, operationId: 'listSettings', summary: 'List all settings as they are in force here' },
        response: { 200: { description: 'All of them; secrets are masked.', $ref: 'SettingList#' } },
      },
      handler: async () => settings.list(),
    });
    app.get<WithName>(`${PATH}/:name`, {
      config: read,
      schema: {
        ...{ tags, operationId: 'getSetting', summary: 'Look at a setting', params: NAME },
        response: setting('The setting; masked when it is a secret.'),
      },
      handler: async (request) => settings.get(request.params.name),
    });
    app.put<WithName & { Body: SetSetting }>(`${PATH}/:name`, {
      config: acting('set'),
      schema: {
        ...{ tags, operationId: 'setSetting', summary: 'Change a live setting, on every broker in a second' },
        ...{ params: NAME, body: { $ref: 'SetSetting#' } },
        response: setting('The changed setting.'),
      },
      handler: (request) => settings.set(request.params.name, request.body.value, authorOf(request)),
    });
    app.delete<WithName>(`${PATH}/:name`, {
      config: acting('unset'),
      schema: {
        ...{ tags, operationId: 'unsetSetting', summary: 'Back to what the start says', params: NAME },
        response: setting('The setting as it is now.'),
      },
      handler: (request) => settings.unset(request.params.name, authorOf(request)),
    });
    app.get<{ Querystring: ListSettingVersionsQuery }>(`${PATH}/versions`, {
      config: read,
      schema: {
        ...{ tags, operationId: 'listSettingVersions', summary: 'List what was changed, newest first' },
        querystring: { $ref: 'ListSettingVersionsQuery#' },
        response: { 200: { description: 'One page.', $ref: 'SettingVersionList#' } },
      },
      handler: (request) => settings.versions(request.query),
    });
    app.post<WithVersion>(`${PATH}/versions/:version/restore`, {
      config: { ...config, act: restoring },
      schema: {
        ...{ tags, operationId: 'restoreSettings', summary: 'All settings as they were from a version on' },
        params: VERSION,
        response: { 200: { description: 'The version that this made.', $ref: 'SettingVersion#' } },
      },
      handler: (request) => settings.restore(request.params.version, authorOf(request)),
    });
  };
}
