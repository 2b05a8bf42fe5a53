/** Two brokers' rooms of keys on one real store that counts what it is asked. */
import { randomBytes } from 'node:crypto';
import { beforeAll } from 'vitest';
import type { Database } from '../../../engines/database/database.ts';
import { temporaryDatabase } from '../../../engines/ledger/testing/temporary-database.ts';
import { dataKeyStore } from '../../../engines/vault/data-key-store.ts';
import type { Vault } from '../../../engines/vault/vault.ts';
import { openVault } from '../../../testing/open-vault.ts';
import type { KeyLimits } from '../../../kernel/key-limits.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import { keyStore, type KeyStore } from '../key-store.ts';
import { createKeys } from '../keys.ts';

export const START = 1_800_000_030_000;

let database: Database;
let vault: Vault;
beforeAll(async () => {
  database = await temporaryDatabase();
  vault = await openVault(randomBytes(32), dataKeyStore(database.sequelize));
});

/** The real store, with a count of the questions it was asked and a step that may be put before each. */
function watched(store: KeyStore) {
  const asked = { byHash: 0, byIds: [] as (readonly string[])[], noteUse: [] as Map<string, number>[] };
  const before = { byHash: async (): Promise<void> => {}, noteUse: async (): Promise<void> => {} };
  const watching: KeyStore = {
    ...store,
    byHash: async (hash, nowMs) => {
      asked.byHash += 1;
      const found = await store.byHash(hash, nowMs);
      await before.byHash();
      return found;
    },
    byIds: (ids) => {
      asked.byIds.push(ids);
      return store.byIds(ids);
    },
    noteUse: async (uses) => {
      await before.noteUse();
      asked.noteUse.push(new Map(uses));
      await store.noteUse(uses);
    },
  };
  return { asked, before, watching };
}

export function openKeys() {
  const clock = { nowMs: START, now: () => clock.nowMs };
  const store = keyStore(database.sequelize);
  const { asked, before, watching } = watched(store);
  const lines: string[] = [];
  const log = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
  const logger = { ...silentLogger, info: log, warn: log };
  const plans = new Map<string, KeyLimits>();
  const planLimits = async (plan: string) => plans.get(plan) ?? null;
  const here = createKeys({ store: watching, vault, planLimits, clock, logger });
  const there = createKeys({ store, vault, planLimits, clock, logger });
  return { here, there, clock, asked, before, store, lines, plans };
}
