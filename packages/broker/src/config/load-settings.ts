/** Reads the settings: flag, then environment, then fila.config.json, then default; collects all problems before it speaks. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { UpstreamUrl } from './setting-kinds.ts';
import type { SettingRow } from './setting-row.ts';
import { SETTINGS, type SettingName, type Settings } from './settings.ts';

export interface SettingSources {
  /** Values given on the command line. */
  readonly flags?: Partial<Record<SettingName, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the file; by default `fila.config.json` in the working directory, which may be absent. */
  readonly file?: string;
}

export type SettingOrigin = 'flag' | 'env' | 'file' | 'default';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, SettingOrigin>>;
}

/** All that is wrong with the configuration, at once. The process ends with 78 (EX_CONFIG of sysexits.h). */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly exitCode = 78;
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

interface Found {
  readonly origin: SettingOrigin;
  readonly text: string;
  readonly from: string;
}

export function loadSettings(sources: SettingSources): LoadedSettings {
  const problems: string[] = [];
  const file = readConfigFile(sources, problems);
  const values: Partial<Record<SettingName, unknown>> = {};
  const origins: Partial<Record<SettingName, SettingOrigin>> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const row = SETTINGS[name] as SettingRow<unknown>;
    const found = find(name, row, { sources, file, problems });
    const value = found ? row.kind.parse(found.text) : fallbackOf(row);
    if (found && value === undefined)
      problems.push(`${found.from} must be ${row.kind.expects}; it is ${shown(row, found.text)}`);
    values[name] = value;
    origins[name] = found?.origin ?? 'default';
  }
  const settings = values as Settings;
  problems.push(
    ...unknownNames(sources.env, file),
    ...(problems.length === 0 ? contradictions(settings) : []),
  );
  if (problems.length > 0) throw new SettingsError(problems);
  return { settings: Object.freeze(settings), origins: origins as Record<SettingName, SettingOrigin> };
}

export function fallbackOf(row: SettingRow<unknown>): unknown {
  return typeof row.fallback === 'function' ? (row.fallback as () => unknown)() : row.fallback;
}

interface Lookup {
  readonly sources: SettingSources;
  readonly file: Readonly<Record<string, unknown>>;
  readonly problems: string[];
}

function find(
  name: SettingName,
  row: SettingRow<unknown>,
  { sources, file, problems }: Lookup,
): Found | undefined {
  const flag = sources.flags?.[name];
  if (flag !== undefined) return { origin: 'flag', text: flag, from: `--${kebab(name)}` };
  const env = sources.env[row.env];
  if (env !== undefined && env !== '') return { origin: 'env', text: env, from: row.env };
  const secretFile = row.secret ? sources.env[`${row.env}_FILE`] : undefined;
  if (secretFile) {
    try {
      return { origin: 'env', text: readFileSync(secretFile, 'utf8').trim(), from: `${row.env}_FILE` };
    } catch {
      problems.push(`${row.env}_FILE names a file that cannot be read: ${secretFile}`);
      return undefined;
    }
  }
  const value = Object.hasOwn(file, name) ? (file[name] ?? undefined) : undefined;
  if (value === undefined) return undefined;
  const from = `"${name}" in fila.config.json`;
  const parts = [value].flat();
  if (parts.every((part) => typeof part !== 'object')) return { origin: 'file', text: parts.join(','), from };
  problems.push(`${from} must be ${row.kind.expects}; it is an object`);
  return undefined;
}

function readConfigFile(sources: SettingSources, problems: string[]): Record<string, unknown> {
  const path = resolve(sources.file ?? 'fila.config.json');
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch {
    if (sources.file) problems.push(`The configuration file cannot be read: ${path}`);
    return {};
  }
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Said below, together with "JSON, but not an object".
  }
  problems.push(`${path} must hold one JSON object`);
  return {};
}

/** Variables that other parts of Fila read, beside those of the table. */
const ALSO_KNOWN = new Set([
  'FILA_URL',
  'FILA_TOKEN',
  'FILA_CONTEXT',
  'FILA_CONFIG_DIR',
  'FILA_API_KEY',
  'FILA_LANG',
  'FILA_FORCE_TTY',
  'FILA_NO_INPUT',
]);

function unknownNames(env: SettingSources['env'], file: Readonly<Record<string, unknown>>): string[] {
  const rows = Object.values(SETTINGS) as SettingRow<unknown>[];
  const known = new Set(rows.flatMap((row) => (row.secret ? [row.env, `${row.env}_FILE`] : [row.env])));
  const strangers = Object.keys(env).filter(
    (key) => key.startsWith('FILA_') && !known.has(key) && !ALSO_KNOWN.has(key),
  );
  return [
    ...strangers.map((key) => `${key} is not a setting of Fila`),
    ...Object.keys(file)
      .filter((key) => !Object.hasOwn(SETTINGS, key))
      .map((key) => `"${key}" in fila.config.json is not a setting of Fila`),
  ];
}

/** What only shows when settings are seen together. */
export function contradictions(settings: Settings): string[] {
  const problems: string[] = [];
  if (settings.masterKey !== null && Buffer.from(settings.masterKey, 'base64').length !== 32)
    problems.push('FILA_MASTER_KEY must be 32 bytes as base64; make one with: openssl rand -base64 32');
  if (settings.databaseUrl !== null && settings.masterKey === null)
    problems.push(
      'FILA_MASTER_KEY (or FILA_MASTER_KEY_FILE) is needed with FILA_DATABASE_URL: brokers that share a database share the key',
    );
  if (settings.adminToken !== null && settings.adminToken.length < 32)
    problems.push('FILA_ADMIN_TOKEN must have 32 characters or more');
  if (settings.retryCapMs < settings.retryBaseMs)
    problems.push('FILA_RETRY_CAP_MS must not be below FILA_RETRY_BASE_MS');
  return problems;
}

function shown(row: SettingRow<unknown>, value: string): string {
  return row.secret ? 'something else (not shown)' : JSON.stringify(value);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The settings as people may see them: secrets masked, passwords in URLs too. */
export function describeSettings(
  loaded: LoadedSettings,
): { name: SettingName; env: string; value: string; origin: SettingOrigin; unit: string; about: string }[] {
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const row = SETTINGS[name] as SettingRow<unknown>;
    return {
      name,
      env: row.env,
      value: display(row, loaded.settings[name]),
      origin: loaded.origins[name],
      unit: row.unit ?? '',
      about: row.about,
    };
  });
}

export function display(row: SettingRow<unknown>, value: unknown): string {
  if (value === null) return '';
  if (row.secret)
    return typeof value === 'string' && URL.canParse(value) && value.includes('://')
      ? withoutPassword(value)
      : '********';
  if (Array.isArray(value)) return value.map(textOf).join(',');
  return String(value);
}

/** Numbers in a list are times in milliseconds. */
function textOf(one: string | number | UpstreamUrl): string {
  if (typeof one === 'string') return one;
  if (typeof one === 'number') return `${one}ms`;
  const { url, slots, maxModels } = one;
  return `${url}#slots=${slots}${maxModels === undefined ? '' : `&max_models=${maxModels}`}`;
}

function withoutPassword(value: string): string {
  const parsed = new URL(value);
  if (parsed.password) parsed.password = '********';
  return parsed.href;
}
