/** Notices of keys that expire soon, on the real store, as two brokers give them. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { temporaryDatabase } from '../../engines/ledger/testing/temporary-database.ts';
import { dataKeyStore } from '../../engines/vault/data-key-store.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { openVault } from '../../testing/open-vault.ts';
import { createExpiryNotices } from './expiry-notices.ts';
import { keyStore } from './key-store.ts';
import { createKeys } from './keys.ts';

const START = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const at = (ms: number): string => new Date(ms).toISOString();

async function open(noticeMs = 14 * DAY_MS) {
  const { sequelize } = await temporaryDatabase();
  const store = keyStore(sequelize);
  const clock = { nowMs: START, now: () => clock.nowMs };
  const vault = await openVault(randomBytes(32), dataKeyStore(sequelize));
  const keys = createKeys({ store, vault, planLimits: async () => null, clock, logger: silentLogger });
  const events: string[] = [];
  const lines: object[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void lines.push(fields) };
  const told = { keyExpiring: (id: string, when: string) => void events.push(`${id} ${when}`) };
  const broker = () => createExpiryNotices({ store, noticeMs, told, clock, logger });
  return { keys, clock, events, lines, broker };
}

describe('a key that expires soon', () => {
  it('is told of once, in the log and as an event, by one of several brokers', async () => {
    const { keys, clock, events, lines, broker } = await open();
    const { id } = await keys.create({ name: 'shop', expires_at: at(START + 20 * DAY_MS) });
    await keys.create({ name: 'for ever' });
    const brokers = [broker(), broker(), broker()];
    const look = () => Promise.all(brokers.map((one) => one.look()));
    await look();
    expect(events).toEqual([]);
    clock.nowMs += 6 * DAY_MS;
    await look();
    await look();
    expect(events).toEqual([`${id} ${at(START + 20 * DAY_MS)}`]);
    expect(lines).toEqual([{ keyId: id, name: 'shop', expiresAt: at(START + 20 * DAY_MS) }]);
  });

  it('is told of again when it is to expire at another time, and not when it is suspended', async () => {
    const { keys, events, broker } = await open();
    const { id } = await keys.create({ name: 'shop', expires_at: at(START + DAY_MS) });
    const suspended = await keys.create({ name: 'off', expires_at: at(START + DAY_MS) });
    await keys.suspend(suspended.id);
    await broker().look();
    await keys.update(id, { expires_at: at(START + 2 * DAY_MS) });
    await broker().look();
    await broker().look();
    expect(events).toEqual([`${id} ${at(START + DAY_MS)}`, `${id} ${at(START + 2 * DAY_MS)}`]);
  });

  it('is not told of when nobody wants it', async () => {
    const { keys, events, broker } = await open(0);
    await keys.create({ name: 'shop', expires_at: at(START + DAY_MS) });
    await broker().look();
    expect(events).toEqual([]);
  });
});
