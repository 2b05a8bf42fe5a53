/** Settings that are changed while brokers run: kept as versions, in force here at once and everywhere within a second. */
import { openText, type Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  ListSettingVersionsQuery,
  Setting,
  SettingList,
  SettingVersion,
  SettingVersionList,
} from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import type { KnownSetting, SettingCatalog } from '../../kernel/known-setting.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import { FOLLOW_EVERY_MS } from '../../kernel/rows-in-force.ts';
import { onceCommitted } from '../../kernel/written-together.ts';
import type { Actor } from '../audit/audit.ts';
import type { Overrides, SettingStore, StoredChange, StoredVersion } from './setting-store.ts';
import { settingOnWire, versionOnWire } from './setting-view.ts';

/** Who changes something, and why. */
export interface Author {
  readonly actor: Actor;
  readonly reason: string | null;
}

/** Also the service that follows what other brokers write. */
export interface SettingsRoom extends Service {
  /** What is in force in place of what the start said, no older than a second. */
  overrides(): ReadonlyMap<string, unknown>;
  /** Told when anything is different from before. */
  onChange(listener: () => void): void;

  /** As they are in force on this broker. */
  list(): SettingList;
  get(name: string): Setting;
  /** What the database has of it, null for nothing; not_found when there is no such setting. */
  overrideOf(name: string): Promise<string | null>;
  set(name: string, value: string | number | boolean, by: Author): Promise<Setting>;
  /** Back to what each broker's start says; conflict when nothing overrides it. */
  unset(name: string, by: Author): Promise<Setting>;
  versions(query: ListSettingVersionsQuery): Promise<SettingVersionList>;
  /** All overrides as they were from that version on; 0 is none. What this changes is a version of its own. */
  restore(version: number, by: Author): Promise<SettingVersion>;
}

export interface SettingsDeps {
  readonly store: SettingStore;
  readonly catalog: SettingCatalog;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DEFAULT_PAGE = 50;

export function createSettings({ store, catalog, vault, clock, logger }: SettingsDeps): SettingsRoom {
  const known = new Map(catalog.all.map((one) => [one.name, one]));
  const listeners: (() => void)[] = [];
  let version = 0;
  let values: ReadonlyMap<string, unknown> = new Map();

  /** A read that was slow does not undo what a later change brought. */
  function apply(stored: Pick<StoredVersion, 'version' | 'overrides'>): void {
    if (stored.version <= version) return;
    version = stored.version;
    values = valuesOf(stored.overrides, (name) =>
      logger.warn({ setting: name, version }, 'an override that this broker does not understand is left out'),
    );
    logger.info({ version, overrides: stored.overrides }, 'settings of the database are in force');
    for (const listener of listeners) listener();
  }

  function valuesOf(overrides: Overrides, onStrange: (name: string) => void): Map<string, unknown> {
    const read = new Map<string, unknown>();
    for (const [name, text] of Object.entries(overrides)) {
      const setting = known.get(name);
      const value = setting?.isLive ? setting.read(text) : undefined;
      if (value === undefined) onStrange(name);
      else read.set(name, value);
    }
    return read;
  }

  /** What is wrong with them beside the values of the start. */
  function problemOf(overrides: Overrides): string | undefined {
    return catalog.problemsOf(valuesOf(overrides, () => undefined))[0];
  }

  function find(name: string): KnownSetting {
    const setting = known.get(name);
    if (!setting) throw fail('not_found', { detail: `There is no setting ${name}.` });
    return setting;
  }

  function findLive(name: string): KnownSetting {
    const setting = find(name);
    if (!setting.isLive)
      throw fail('conflict', {
        detail: `${name} is read at the start only: set ${setting.variable} and start the daemon again.`,
      });
    return setting;
  }

  /** Null when that changes nothing: then there is no new version. */
  async function write(
    how: Pick<StoredVersion, 'act' | 'restored'>,
    change: (overrides: Overrides) => Overrides,
    { actor, reason }: Author,
  ): Promise<StoredVersion | null> {
    const before = await store.inForce();
    const overrides = change(before.overrides);
    const changes = changesBetween(before.overrides, overrides);
    if (changes.length === 0) return null;
    const number = before.version + 1;
    const stored: StoredVersion = {
      ...{ ...how, version: number, at: clock.now(), changes, overrides },
      ...{ actorKind: actor.kind, actorId: actor.id, actorName: actor.name },
      reason: reason === null ? null : vault.seal(reasonPlace(number), Buffer.from(reason)),
    };
    if (!(await store.insert(stored)))
      throw fail('conflict', { detail: 'Somebody else changed a setting in the same moment; try again.' });
    onceCommitted(() => apply(stored));
    return stored;
  }

  async function set(name: string, given: string | number | boolean, by: Author): Promise<Setting> {
    const setting = findLive(name);
    const value = setting.read(String(given));
    if (value === undefined) throw wrong(name, `must be ${setting.expects}`);
    const change = (overrides: Overrides): Overrides => {
      const changed = { ...overrides, [name]: setting.show(value) };
      const problem = problemOf(changed);
      if (problem !== undefined) throw wrong(name, `cannot be that: ${problem}`);
      return changed;
    };
    await write({ act: 'set', restored: null }, change, by);
    return settingOnWire(setting, new Map([...values, [name, value]]));
  }

  async function unset(name: string, by: Author): Promise<Setting> {
    const setting = findLive(name);
    const change = ({ [name]: _, ...others }: Overrides): Overrides => {
      const problem = problemOf(others);
      if (problem !== undefined) throw fail('conflict', { detail: `Without it: ${problem}.` });
      return others;
    };
    if (!(await write({ act: 'unset', restored: null }, change, by)))
      throw fail('conflict', { detail: `Nothing in the database overrides ${name}.` });
    return settingOnWire(setting, new Map([...values].filter(([one]) => one !== name)));
  }

  async function overridesOf(wanted: number): Promise<Overrides> {
    if (wanted === 0) return {};
    const stored = await store.get(wanted);
    if (!stored) throw fail('not_found', { detail: `There is no version ${wanted} of the settings.` });
    const strange: string[] = [];
    valuesOf(stored.overrides, (name) => strange.push(name));
    const problem = problemOf(stored.overrides);
    if (strange.length > 0)
      throw fail('conflict', {
        detail: `Version ${wanted} has what this broker does not understand: ${strange.join(', ')}.`,
      });
    if (problem !== undefined)
      throw fail('conflict', {
        detail: `Version ${wanted} does not fit the start any more: ${problem}.`,
      });
    return stored.overrides;
  }

  async function restore(wanted: number, by: Author): Promise<SettingVersion> {
    const overrides = await overridesOf(wanted);
    const written = await write({ act: 'restore', restored: wanted }, () => overrides, by);
    if (!written)
      throw fail('conflict', { detail: `The settings are as they were from version ${wanted} on already.` });
    return versionOnWire(written, by.reason);
  }

  /** Null also when the words cannot be read any more. */
  function reasonOf({ version: number, reason }: StoredVersion): Promise<string | null> {
    return openText(vault, reasonPlace(number), reason);
  }

  async function versions({ limit = DEFAULT_PAGE, cursor }: ListSettingVersionsQuery) {
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
    const found = await store.list({ limit: limit + 1, before });
    const page = found.slice(0, limit);
    const items = await Promise.all(page.map(async (one) => versionOnWire(one, await reasonOf(one))));
    return { items, next_cursor: found.length > limit ? String(items.at(-1)!.version) : null };
  }

  const reload = async (): Promise<void> => apply(await store.inForce());
  const failed = (error: unknown): void =>
    logger.warn({ err: error }, 'reading settings failed; what was known holds');
  const ticker = every('reload settings', FOLLOW_EVERY_MS, reload, failed);

  return {
    name: 'settings',
    start: async () => {
      await reload().catch(failed);
      await ticker.start();
    },
    stop: () => ticker.stop(),
    overrides: () => values,
    onChange: (listener) => void listeners.push(listener),
    list: () => ({
      items: catalog.all.map((one) => settingOnWire(one, values)),
      ...{ version, next_cursor: null },
    }),
    get: (name) => settingOnWire(find(name), values),
    overrideOf: async (name) => (await store.inForce()).overrides[find(name).name] ?? null,
    ...{ set, unset, versions, restore },
  };
}

function changesBetween(before: Overrides, after: Overrides): StoredChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .map((name) => ({ name, before: before[name] ?? null, after: after[name] ?? null }))
    .filter((one) => one.before !== one.after);
}

function wrong(name: string, detail: string) {
  return fail('validation_failed', { detail: `${name} ${detail}.`, errors: [{ pointer: '/value', detail }] });
}

function reasonPlace(version: number) {
  return { table: 'setting_versions', row: String(version), column: 'reason' };
}
