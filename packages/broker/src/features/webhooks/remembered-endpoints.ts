/** Endpoints of keys, remembered for a second: they are asked for with every request and every event. */
import type { Clock } from '../../kernel/clock.ts';
import { dueTogether, type RememberedFor } from '../../kernel/due-together.ts';
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

interface Known extends RememberedFor {
  readonly keyId: string;
  readonly endpoints: readonly StoredEndpoint[];
  isUsed: boolean;
}

export function rememberedEndpoints(store: EndpointStore, clock: Clock): RememberedEndpoints {
  const known = new Map<string, Known>();
  let changes = 0;
  const due = dueTogether<Known>(clock);

  async function load(missing: readonly string[]): Promise<Map<string, readonly StoredEndpoint[]>> {
    const asked = new Set(missing);
    const keyIds = [...new Set([...missing, ...due(known.values()).map(({ keyId }) => keyId)])];
    const changesBefore = changes;
    const until = clock.now() + REMEMBERED_MS;
    const byKey = Map.groupBy(await store.ofKeys(keyIds), ({ keyId }) => keyId);
    const loaded = new Map(keyIds.map((keyId) => [keyId, byKey.get(keyId) ?? NONE]));
    // What was read while something changed may be what was before.
    if (changes !== changesBefore) return loaded;
    if (known.size + loaded.size > REMEMBERED_KEYS) known.clear();
    for (const [keyId, endpoints] of loaded)
      known.set(keyId, { keyId, endpoints, until, isUsed: asked.has(keyId) });
    return loaded;
  }

  return {
    ofKeys: async (keyIds) => {
      const now = clock.now();
      const found = new Map<string, readonly StoredEndpoint[]>();
      const missing: string[] = [];
      for (const keyId of keyIds) {
        const one = known.get(keyId);
        if (one && one.until > now) {
          one.isUsed = true;
          found.set(keyId, one.endpoints);
        } else missing.push(keyId);
      }
      if (missing.length > 0) {
        const loaded = await load(missing);
        for (const keyId of missing) found.set(keyId, loaded.get(keyId)!);
      }
      return found;
    },
    forget: (keyId) => {
      changes += 1;
      known.delete(keyId);
    },
  };
}
