/** Which upstreams there should be: those of the settings, with what operators switched, then those added at run time; pure. */
import { fail } from '../../kernel/errors.ts';
import type { BreakerMode, StoredUpstream } from './upstream-store.ts';
import { hostAndPort } from './watch-upstream.ts';

export interface UpstreamSettings {
  readonly url: string;
  /** Calls of one model the server carries at once; `auto`: what it turns out to carry. */
  readonly slots: number | 'auto';
  /** How many models it keeps loaded at once, if the operator says so. */
  readonly maxModels?: number;
}

export interface ConfiguredUpstream extends UpstreamSettings {
  /** host:port */
  readonly id: string;
  readonly source: 'settings' | 'database';
  readonly isEnabled: boolean;
  readonly isDraining: boolean;
  readonly breaker: BreakerMode;
  /** Milliseconds since 1970; null for those of the settings. */
  readonly createdAt: number | null;
}

export function configuredUpstreams(
  settings: readonly UpstreamSettings[],
  stored: readonly StoredUpstream[],
): ConfiguredUpstream[] {
  const byId = new Map(stored.map((row) => [row.id, row]));
  const named = settings.map(({ url, ...rest }): ConfiguredUpstream => {
    const id = hostAndPort(url);
    const { isEnabled = true, isDraining = false, breaker = 'auto' } = byId.get(id) ?? {};
    return { id, url, ...rest, source: 'settings', isEnabled, isDraining, breaker, createdAt: null };
  });
  const ids = new Set(named.map(({ id }) => id));
  const added = stored.filter(({ id, source }) => source === 'database' && !ids.has(id));
  return [...named, ...added];
}

/** The address as it is kept. Throws what a client reads; the address itself is never quoted, it may hold a password. */
export function upstreamUrl(text: string): string {
  const refuse = (detail: string) =>
    fail('validation_failed', { detail: `/url ${detail}.`, errors: [{ pointer: '/url', detail }] });
  if (!URL.canParse(text)) throw refuse('is not a URL, such as http://10.0.0.5:11434');
  const { protocol, username, password, origin, pathname, search, hash } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') throw refuse('must begin with http:// or https://');
  if (username || password) throw refuse('must not hold a user or a password');
  if (pathname !== '/' || search || hash) throw refuse('must be an address alone, without a path');
  return origin;
}
