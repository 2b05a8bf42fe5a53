import { describe, expect, it } from 'vitest';
import { clientOptionsOf, retryPolicyOf, swapBoundsOf, timersOf } from './live-parts.ts';
import { loadSettings } from './load-settings.ts';
import { presentSettings, settingCatalog } from './setting-catalog.ts';

const loaded = loadSettings({ env: { FILA_WEBHOOK_RETRY_DELAYS: '5s, 2h' } });
const { all } = settingCatalog(loaded);

describe('the catalog', () => {
  it('has a text for every value, of which every live setting makes the same value again', () => {
    for (const one of all.filter(({ isLive }) => isLive)) {
      const value = loaded.settings[one.name as keyof typeof loaded.settings];
      if (value !== null) expect(one.read(one.show(value)), one.name).toEqual(value);
    }
    expect(all.find(({ name }) => name === 'webhookRetryDelays')!.startText).toBe('5000ms,7200000ms');
  });

  it('has no live setting that is secret, opens a way out of this house, or shortens the audit trail', () => {
    const live = all.filter(({ isLive }) => isLive);
    expect(live.filter(({ isSecret }) => isSecret)).toEqual([]);
    const names = live.map(({ name }) => name);
    for (const name of [
      'allowCloudModels',
      'webhookAllowCidrs',
      'trustedProxies',
      'requireTotp',
      'auditDays',
    ])
      expect(names).not.toContain(name);
  });
});

describe('present settings', () => {
  it('say for live settings what overrides them at the time, and for the others what the start said', () => {
    const overrides = new Map<string, unknown>();
    const present = presentSettings(loaded.settings, () => overrides);
    const parts = [timersOf, retryPolicyOf, swapBoundsOf, clientOptionsOf].map((of) => of(present));
    const before = parts.flatMap((part) => Object.values(part));
    expect(before).toEqual([5_000, 300_000, 60_000, 1_800_000, 5, 1_000, 300_000, 32, 30_000, 4_096]);
    const names = ['connectTimeoutMs', 'firstTokenTimeoutMs', 'gapTimeoutMs', 'totalTimeoutMs'];
    names.push('maxAttempts', 'retryBaseMs', 'retryCapMs', 'swapAfterRequests', 'swapAfterMs', 'maxTokens');
    for (const [index, name] of names.entries()) overrides.set(name, index);
    overrides.set('port', 80);
    expect(parts.flatMap((part) => Object.values(part))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(present.port).toBe(7433);
    overrides.clear();
    expect(parts.flatMap((part) => Object.values(part))).toEqual(before);
  });
});
