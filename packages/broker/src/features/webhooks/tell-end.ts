/** Tells of the end of a request in the commit that writes it: its deliveries are made before, and stand or fall with it. */
import type { Vault } from '../../engines/vault/vault.ts';
import {
  eventOf,
  type AddedRow,
  type ClaimedRow,
  type FinalSettlement,
} from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { inTime } from '../../kernel/in-time.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { RequestSummary } from '../requests/requests.ts';
import type { DeliveryLoop } from './delivery-loop.ts';
import { deliveryRow } from './delivery-queue.ts';
import { bornClaimed, eventDeliveries, type RequestEnd } from './event-deliveries.ts';
import type { RememberedEndpoints } from './remembered-endpoints.ts';

/** Of one end that is about to be written. */
export interface Telling {
  readonly rows: readonly AddedRow[];
  /** They are in the database: those born claimed are sent. */
  stored(): void;
  /** Nobody heard whether they are. */
  doubted(): void;
}

interface TellEndDeps {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly endpoints: RememberedEndpoints;
  readonly loop: Pick<DeliveryLoop, 'admit' | 'take' | 'giveBack'>;
  /** There is something due, or to be handed back. */
  readonly look: () => void;
}

/** How long an end waits to hear whom to tell, when the database does not answer. */
const PATIENCE_MS = 1_000;

/** Null when it cannot be told now: then an event has to be left in the outbox. */
export type TellEnd = (
  row: ClaimedRow,
  end: FinalSettlement,
  describe: () => Promise<RequestSummary>,
) => Promise<Telling | null>;

export function createTellEnd({ vault, clock, logger, endpoints, loop, look }: TellEndDeps): TellEnd {
  const make = eventDeliveries(vault);
  const late = (): Error => new Error('The database does not say in time who is to be told.');

  async function tell(end: RequestEnd, describe: () => Promise<RequestSummary>): Promise<Telling> {
    const held = failpoint('webhook.before_make');
    if (held) await held;
    const [request, byKey] = await Promise.all([
      describe(),
      inTime(endpoints.ofKeys([end.keyId]), PATIENCE_MS, late),
    ]);
    const made = make.toAll(end, request, byKey.get(end.keyId) ?? []);
    const deliveries = made.map(({ delivery }) => delivery);
    const birth = loop.admit(deliveries);
    const claimed = bornClaimed(made, birth.ids, performance.now());
    return {
      rows: deliveries.map((delivery) => deliveryRow(delivery, birth)),
      stored: () => {
        void loop.take(claimed).catch((error: unknown) => {
          logger.warn(
            { err: error, requestId: end.requestId },
            'webhooks could not be begun; they follow later',
          );
          look();
        });
        if (claimed.length < made.length) look();
      },
      doubted: () => {
        loop.giveBack(claimed);
        look();
      },
    };
  }

  return async ({ id: requestId, keyId }, { to, completedAt = clock.now() }, describe) => {
    const end = { requestId, keyId, type: eventOf(to), createdAt: completedAt };
    try {
      return await tell(end, describe);
    } catch (error) {
      logger.info({ err: error, requestId, type: end.type }, 'an end is told later than it is written');
      return null;
    }
  };
}
