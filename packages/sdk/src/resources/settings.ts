/** The daemon's settings, and those of them that are changed while it runs. For an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type {
  ListSettingVersionsQuery,
  SetSetting,
  Setting,
  SettingList,
  SettingVersion,
  SettingVersionList,
} from '../types.generated.ts';

const SETTINGS = '/api/v1/admin/settings';
const SETTING = `${SETTINGS}/{id}`;
const VERSIONS = `${SETTINGS}/versions`;

export interface Settings {
  /**
   * All settings as they are in force on the broker that answers, and where each comes from; secrets are masked.
   * @example const { items } = await fila.settings.list();
   */
  list(options?: CallOptions): FilaPromise<SettingList>;
  /**
   * One setting.
   * @example const { value, source } = await fila.settings.get('maxQueued');
   */
  get(name: string, options?: CallOptions): FilaPromise<Setting>;
  /**
   * Changes a live setting on every broker, within a second and for good.
   * @example await fila.settings.set('maxQueued', { value: 500, reason: 'Black Friday' });
   */
  set(name: string, body: SetSetting, options?: CallOptions): FilaPromise<Setting>;
  /**
   * Goes back to what each broker was started with.
   * @example await fila.settings.unset('maxQueued');
   */
  unset(name: string, options?: CallOptions): FilaPromise<Setting>;
  /**
   * What was changed, newest first: who, when, why, before and after.
   * @example for await (const { version, changes } of fila.settings.versions()) console.log(version, changes);
   */
  versions(
    query?: ListSettingVersionsQuery,
    options?: CallOptions,
  ): Listing<SettingVersion, SettingVersionList>;
  /**
   * Makes all settings what they were from a version on; 0 is what the start says. This is a version of its own.
   * @example const { version } = await fila.settings.restore(4);
   */
  restore(version: number, options?: CallOptions): FilaPromise<SettingVersion>;
}

export function createSettings(send: Send): Settings {
  return {
    list: (options) => send({ method: 'GET', path: SETTINGS, as: 'admin' }, options),
    get: (name, options) => send({ method: 'GET', path: SETTING, id: name, as: 'admin' }, options),
    set: (name, body, options) =>
      send({ method: 'PUT', path: SETTING, id: name, as: 'admin', body }, options),
    unset: (name, options) => send({ method: 'DELETE', path: SETTING, id: name, as: 'admin' }, options),
    versions: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<SettingVersionList>(
          { method: 'GET', path: VERSIONS, as: 'admin', query: { ...query, cursor } },
          options,
        ),
      ),
    restore: (version, options) =>
      send({ method: 'POST', path: `${VERSIONS}/{id}/restore`, id: String(version), as: 'admin' }, options),
  };
}
