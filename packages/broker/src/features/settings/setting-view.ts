/** Settings and their versions as an operator sees them. */
import type { Setting, SettingVersion } from '../../kernel/contract.generated.ts';
import type { KnownSetting } from '../../kernel/known-setting.ts';
import type { StoredVersion } from './setting-store.ts';

/** `overrides`: what is in force in place of what the start said. */
export function settingOnWire(known: KnownSetting, overrides: ReadonlyMap<string, unknown>): Setting {
  const { name, variable, unit, expects, about } = known;
  const isOverridden = overrides.has(name);
  return {
    ...{ name, variable },
    value: isOverridden ? known.show(overrides.get(name)) : known.startText,
    source: isOverridden ? 'database' : known.startSource,
    start_value: known.startText,
    start_source: known.startSource,
    default_value: known.defaultText,
    ...{ unit, live: known.isLive, secret: known.isSecret, expects, about },
  };
}

export function versionOnWire(stored: StoredVersion, reason: string | null): SettingVersion {
  const { version, at, act, restored, actorKind, actorId, actorName, changes, overrides } = stored;
  return {
    ...{ version, at: new Date(at).toISOString(), act, restored_version: restored },
    actor: { kind: actorKind, id: actorId, name: actorName },
    ...{ reason, changes: [...changes], overrides: { ...overrides } },
  };
}
