import { describe, expect, it } from 'vitest';
import { configuredUpstreams, upstreamUrl } from './configured-upstreams.ts';
import type { StoredUpstream } from './upstream-store.ts';

const SETTINGS = [{ url: 'http://a:11434', slots: 4 }];
const ON = { isEnabled: true, isDraining: false, breaker: 'auto' } as const;
const OF_SETTINGS = { id: 'a:11434', ...SETTINGS[0]!, source: 'settings', ...ON, createdAt: null };
const ADDED: StoredUpstream = {
  ...{ id: 'b:80', url: 'http://b', slots: 2, source: 'database', createdAt: 7 },
  ...ON,
};
const SWITCHED: StoredUpstream = {
  ...{ id: 'a:11434', url: 'http://old', slots: 9, source: 'settings', createdAt: 7 },
  ...{ isEnabled: false, isDraining: true, breaker: 'open' },
};

describe('the upstreams there should be', () => {
  it.each([
    ['those of the settings', [], [OF_SETTINGS]],
    ['and those added at run time', [ADDED], [OF_SETTINGS, ADDED]],
    [
      'with the switches of those of the settings, and nothing else of such a row',
      [SWITCHED],
      [{ ...OF_SETTINGS, isEnabled: false, isDraining: true, breaker: 'open' }],
    ],
    [
      'and the settings win over one that was added before',
      [{ ...SWITCHED, source: 'database' as const, isEnabled: true }],
      [{ ...OF_SETTINGS, isDraining: true, breaker: 'open' }],
    ],
    [
      'but not one that the settings name no more',
      [{ ...SWITCHED, id: 'gone:1', url: 'http://gone:1' }],
      [OF_SETTINGS],
    ],
  ])('are %s', (_, stored, then) => {
    expect(configuredUpstreams(SETTINGS, stored)).toEqual(then);
  });
});

describe('the address of an upstream', () => {
  it.each([
    ['http://10.0.0.5:11434', 'http://10.0.0.5:11434'],
    ['http://OLLAMA.example/', 'http://ollama.example'],
    ['https://[::1]:8443', 'https://[::1]:8443'],
  ])('%s is kept as %s', (given, kept) => {
    expect(upstreamUrl(given)).toBe(kept);
  });

  it.each([
    ['not a url', 'is not a URL'],
    ['ftp://host', 'must begin with http'],
    ['http://user:hunter2@host', 'must not hold a user or a password'],
    ['http://user@host', 'must not hold a user or a password'],
    ['http://:hunter2@host', 'must not hold a user or a password'],
    ['http://host/path', 'without a path'],
    ['http://host?key=hunter2', 'without a path'],
    ['http://host#slots=4', 'without a path'],
  ])('%s is refused, and never quoted', (given, why) => {
    const error = refusalOf(given);
    expect(error).toMatchObject({ code: 'validation_failed', message: expect.stringContaining(why) });
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });
});

function refusalOf(url: string): unknown {
  try {
    return upstreamUrl(url);
  } catch (error) {
    return error;
  }
}
