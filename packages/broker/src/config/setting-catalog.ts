/** The settings of this start for whoever changes some of them later, and one object that has the present values. */
import type { KnownSetting, SettingCatalog } from '../kernel/known-setting.ts';
import { contradictions, display, fallbackOf, type LoadedSettings } from './load-settings.ts';
import type { SettingRow } from './setting-row.ts';
import { SETTINGS, type SettingName, type Settings } from './settings.ts';

const SOURCES = { default: 'default', file: 'file', env: 'environment', flag: 'flag' } as const;
const NAMES = Object.keys(SETTINGS) as SettingName[];

export function settingCatalog({ settings, origins }: LoadedSettings): SettingCatalog {
  const known = (name: SettingName): KnownSetting => {
    const row = SETTINGS[name] as SettingRow<unknown>;
    return {
      ...{ name, variable: row.env, about: row.about, unit: row.unit ?? '', expects: row.kind.expects },
      ...{ isLive: row.live ?? false, isSecret: row.secret ?? false },
      defaultText: display(row, fallbackOf(row)),
      startText: display(row, settings[name]),
      startSource: SOURCES[origins[name]],
      read: (text) => row.kind.parse(text),
      show: (value) => display(row, value),
    };
  };
  return {
    all: NAMES.map(known),
    problemsOf: (overrides) => contradictions({ ...settings, ...Object.fromEntries(overrides) }),
  };
}

/** Each field of a live setting has, whenever it is read, the value that is in force then: read it late, keep no copy. */
export function presentSettings(start: Settings, overrides: () => ReadonlyMap<string, unknown>): Settings {
  const present = { ...start };
  for (const name of NAMES) {
    if (!(SETTINGS[name] as SettingRow<unknown>).live) continue;
    const get = (): unknown => (overrides().has(name) ? overrides().get(name) : start[name]);
    Object.defineProperty(present, name, { enumerable: true, get });
  }
  return Object.freeze(present);
}
