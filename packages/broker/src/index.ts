/** What the broker package offers: the daemon itself, its settings and its migrations. */
export { migrate, startBroker, type RunningBroker } from './start-broker.ts';
export {
  describeSettings,
  loadSettings,
  SettingsError,
  type LoadedSettings,
  type SettingOrigin,
} from './config/load-settings.ts';
export { SETTINGS, type SettingName, type Settings } from './config/settings.ts';
export type { Migration } from './engines/database/migrate.ts';
export { verifyTrail, type Trail } from './features/audit/verify-trail.ts';
