/** Tells of keys that are about to expire: of each once, whichever of several brokers does it. */
import type { Clock } from '../../kernel/clock.ts';
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { Told } from '../overview/overview.ts';
import type { KeyStore } from './key-store.ts';

interface ExpiryNoticesDeps {
  readonly store: Pick<KeyStore, 'expiring' | 'noticeExpiry'>;
  /** How long before; 0 = nothing is told. */
  readonly noticeMs: number;
  readonly told: Pick<Told, 'keyExpiring'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ExpiryNotices extends Service {
  look(): Promise<void>;
}

const LOOK_EVERY_MS = 60_000;
const BATCH = 100;

/** A time that is changed afterwards is told of again. A broker that dies between note and notice has noted it only. */
export function createExpiryNotices({
  store,
  noticeMs,
  told,
  clock,
  logger,
}: ExpiryNoticesDeps): ExpiryNotices {
  async function look(): Promise<void> {
    if (noticeMs === 0) return;
    const now = clock.now();
    for (const { id, name, expiresAt } of await store.expiring(now, now + noticeMs, BATCH)) {
      if (expiresAt === null || !(await store.noticeExpiry(id, expiresAt))) continue;
      const at = new Date(expiresAt).toISOString();
      logger.warn({ keyId: id, name, expiresAt: at }, 'a key expires soon');
      told.keyExpiring(id, at);
    }
  }

  const looking = every('tell of keys that expire', LOOK_EVERY_MS, look, (error) =>
    logger.warn({ err: error }, 'keys that expire soon could not be told of'),
  );
  return {
    name: 'expiry notices',
    start: async () => {
      await looking.start();
      look().catch((error: unknown) =>
        logger.warn({ err: error }, 'keys that expire soon could not be told of'),
      );
    },
    stop: () => looking.stop(),
    look,
  };
}
