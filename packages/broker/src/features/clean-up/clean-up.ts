/** The clean-up: deletes what has served its time, a small batch after the other, so that nobody has to wait for it. */
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';

/** What a room keeps for a while only. */
export interface Leftovers {
  readonly what: string;
  /** Deletes one batch of what is too old; how many, 0 when there is nothing left. Any broker may, at any time. */
  forget(): Promise<number>;
}

interface CleanUpDeps {
  readonly leftovers: readonly Leftovers[];
  readonly logger: Logger;
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;
/** Between two batches; others use the database meanwhile. */
const PAUSE_MS = 20;

export function createCleanUp({ leftovers, logger, everyMs = EVERY_MS }: CleanUpDeps): Service {
  let stopped = false;

  async function forgetAll({ what, forget }: Leftovers): Promise<void> {
    let count = 0;
    try {
      while (!stopped) {
        const batch = await forget();
        if (batch === 0) break;
        count += batch;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    } finally {
      if (count > 0) logger.info({ what, count }, 'what was too old is deleted');
    }
  }

  /** One that fails keeps no other from its turn. */
  async function cleanUp(): Promise<void> {
    const errors: unknown[] = [];
    for (const one of leftovers) await forgetAll(one).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }

  const ticker = every('clean-up', everyMs, cleanUp, (error) =>
    logger.warn({ err: error }, 'what is too old could not be deleted; it is tried again'),
  );
  return {
    name: 'clean-up',
    start: async () => {
      stopped = false;
      await ticker.start();
    },
    stop: async () => {
      stopped = true;
      await ticker.stop();
    },
  };
}
