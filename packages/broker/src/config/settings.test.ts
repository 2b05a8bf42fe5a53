import { describe, expect, it } from 'vitest';
import { loadSettings } from './load-settings.ts';
import type { SettingRow } from './setting-row.ts';
import { SETTINGS, type SettingName } from './settings.ts';

const rows = Object.entries(SETTINGS) as [SettingName, SettingRow<unknown>][];
const defaults = loadSettings({ env: {} }).settings;

/** `maxBodyBytes` → FILA_MAX_BODY_BYTES: who knows one name of a setting knows the other. */
function envOf(name: string): string {
  return `FILA_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

describe('the table of settings', () => {
  it.each(rows)('names %s the same everywhere and explains it in one sentence', (name, row) => {
    expect(row.env).toBe(envOf(name));
    expect(row.about).toMatch(/^\S.*\.$/);
    expect(row.kind.expects).not.toBe('');
  });

  it.each(rows.filter(([, row]) => row.fallback !== null))(
    'has a default of %s that could also be written down',
    (name, row) => {
      const value: unknown = defaults[name];
      const written =
        name === 'ollamaUrls'
          ? defaults.ollamaUrls.map((one) => `${one.url}#slots=${one.slots}`).join(',')
          : String(value);
      expect(row.kind.parse(written)).toEqual(value);
    },
  );

  it('tells the unit of every number that has one, in the name as well', () => {
    for (const [name, row] of rows) {
      if (name.endsWith('Ms')) expect(row.unit, name).toBe('ms');
      if (name.endsWith('Bytes')) expect(row.unit, name).toBe('bytes');
      if (name.endsWith('Seconds')) expect(row.unit, name).toBe('s');
    }
  });

  it('keeps secret what opens a door', () => {
    const secrets = rows.filter(([, row]) => row.secret).map(([name]) => name);
    expect(secrets).toEqual(expect.arrayContaining(['adminToken', 'databaseUrl', 'masterKey', 'redisUrl']));
  });

  it('runs on an empty machine, for this machine only', () => {
    expect(defaults).toMatchObject({
      host: '127.0.0.1',
      databaseUrl: null,
      redisUrl: null,
      allowCloudModels: false,
      ollamaUrls: [{ url: 'http://127.0.0.1:11434', slots: 'auto' }],
    });
  });
});
