/** Endpoints of keys, remembered for a second: they are asked for with every request and every event. */
import type { Clock } from '../../kernel/clock.ts';
import type { EndpointStore, StoredEndpoint } from './webhook-store.ts';

export interface RememberedEndpoints {
  /** As old as a second, where another broker has changed them. */
  ofKeys(keyIds: readonly string[]): Promise<ReadonlyMap<string, readonly StoredEndpoint[]>>;
  /** This broker has changed something of this key. */
  forget(keyId: string): void;
}

const REMEMBERED_MS = 1_000;
const REMEMBERED_KEYS = 10_000;
const NONE: readonly StoredEndpoint[] = [];

export function rememberedEndpoints(store: EndpointStore, clock: Clock): RememberedEndpoints {
  const known = new Map<string, { endpoints: readonly StoredEndpoint[]; until: number }>();
  let changes = 0;

  async function load(keyIds: readonly string[]): Promise<Map<string, readonly StoredEndpoint[]>> {
    const changesBefore = changes;
    const until = clock.now() + REMEMBERED_MS;
    const byKey = Map.groupBy(await store.ofKeys(keyIds), ({ keyId }) => keyId);
    const loaded = new Map(keyIds.map((keyId) => [keyId, byKey.get(keyId) ?? NONE]));
    // What was read while something changed may be what was before.
    if (changes !== changesBefore) return loaded;
    if (known.size + loaded.size > REMEMBERED_KEYS) known.clear();
    for (const [keyId, endpoints] of loaded) known.set(keyId, { endpoints, until });
    return loaded;
  }

  return {
    ofKeys: async (keyIds) => {
      const now = clock.now();
      const found = new Map<string, readonly StoredEndpoint[]>();
      const missing: string[] = [];
      for (const keyId of keyIds) {
        const one = known.get(keyId);
        if (one && one.until > now) found.set(keyId, one.endpoints);
        else missing.push(keyId);
      }
      if (missing.length > 0)
        for (const [keyId, endpoints] of await load(missing)) found.set(keyId, endpoints);
      return found;
    },
    forget: (keyId) => {
      changes += 1;
      known.delete(keyId);
    },
  };
}
