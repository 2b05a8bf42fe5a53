/** Active lanes on a store that may go away: while it is away they are kept in a second one, fed by the sweep. */
import type { Clock } from '../../kernel/clock.ts';
import { inTime } from '../../kernel/in-time.ts';
import type { Logger } from '../../kernel/logger.ts';
import { createCircuit, type Circuit } from '../circuit/circuit.ts';
import type { ActiveLanes, Lane, Token } from './active-lanes.ts';

export interface FallbackOptions {
  readonly name: string;
  readonly primary: ActiveLanes;
  /** Must always be there: memory. */
  readonly secondary: ActiveLanes;
  /** Rejects unless the store of the primary takes changes. */
  readonly probe: () => Promise<void>;
  readonly explain: (error: unknown) => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeoutMs?: number;
  readonly askEveryMs?: number;
}

export interface FallbackActiveLanes extends ActiveLanes {
  /** To be started; until then the secondary serves. */
  readonly circuit: Circuit;
}

const TIMEOUT_MS = 250;
const RETURN_TIMEOUT_MS = 2_000;

/** The first letter of a receipt says who gave the token. */
type Giver = 'p' | 's';

/**
 * No call rejects. A call that fails on the primary opens the circuit and is made on the secondary. Tokens of the
 * primary are forgotten while it is away: their lanes are put in line at the secondary instead. When the primary is
 * back, every lane that was activated meanwhile gets a token there before the first call goes to it, and what the
 * secondary still has is handed out first. Until both agree again a lane may have a token in each, which the rows bear.
 */
export function fallbackActiveLanes(options: FallbackOptions): FallbackActiveLanes {
  const { name, primary, secondary, probe, explain, clock, logger, timeoutMs = TIMEOUT_MS } = options;
  const activatedAway = new Map<number, Lane>();
  const late = (): Error => new Error(`no answer in time`);
  const circuit = createCircuit({
    ...{ name, explain, clock, logger, askEveryMs: options.askEveryMs, probe },
    probeTimeoutMs: timeoutMs,
    recover: () => inTime(moveBack(), RETURN_TIMEOUT_MS, late),
  });

  async function moveBack(): Promise<void> {
    await probe();
    const lanes = [...activatedAway.values()];
    if (lanes.length > 0) await primary.repair(lanes);
    for (const { id } of lanes) activatedAway.delete(id);
  }

  async function onPrimary<T>(call: () => Promise<T>, instead: () => Promise<T>): Promise<T> {
    if (!circuit.isUp) return instead();
    try {
      return await inTime(call(), timeoutMs, late);
    } catch (error) {
      circuit.open(error);
      return instead();
    }
  }

  function remember(lanes: readonly Lane[]): void {
    for (const lane of lanes) activatedAway.set(lane.id, lane);
  }

  function activate(lanes: readonly Lane[]): Promise<void> {
    return onPrimary(
      () => primary.activate(lanes),
      () => activateAway(lanes),
    );
  }

  function activateAway(lanes: readonly Lane[]): Promise<void> {
    remember(lanes);
    return secondary.activate(lanes);
  }

  async function renewOnPrimary(tokens: readonly Token[]): Promise<Token[]> {
    return onPrimary(
      () => primary.renew(tokens),
      async () => {
        await activateAway(lanesOf(tokens));
        return [];
      },
    );
  }

  return {
    circuit,
    activate,
    repair: (lanes) =>
      onPrimary(
        () => primary.repair(lanes),
        () => {
          remember(lanes);
          return secondary.repair(lanes);
        },
      ),
    next: async (list, max) => {
      const left = given('s', await secondary.next(list, max));
      if (left.length >= max) return left;
      const more = await onPrimary(
        () => primary.next(list, max - left.length),
        async () => [],
      );
      return [...left, ...given('p', more)];
    },
    renew: async (tokens) => {
      const [ofPrimary, ofSecondary] = split(tokens);
      const kept = [
        ...given('p', ofPrimary.length > 0 ? await renewOnPrimary(ofPrimary) : []),
        ...given('s', await secondary.renew(ofSecondary)),
      ];
      const receipts = new Set(kept.map((token) => token.receipt));
      return tokens.filter((token) => receipts.has(token.receipt));
    },
    giveBack: async (tokens) => {
      const [ofPrimary, ofSecondary] = split(tokens);
      if (ofPrimary.length > 0)
        await onPrimary(
          () => primary.giveBack(ofPrimary),
          () => activateAway(lanesOf(ofPrimary)),
        );
      if (ofSecondary.length === 0) return;
      if (!circuit.isUp) return secondary.giveBack(ofSecondary);
      await secondary.retire(ofSecondary);
      await activate(lanesOf(ofSecondary));
    },
    retire: async (tokens) => {
      const [ofPrimary, ofSecondary] = split(tokens);
      if (ofPrimary.length > 0)
        await onPrimary(
          () => primary.retire(ofPrimary),
          async () => undefined,
        );
      await secondary.retire(ofSecondary);
    },
    watch: (onActive) => {
      const stops = [primary.watch(onActive), secondary.watch(onActive)];
      return () => stops.forEach((stop) => stop());
    },
    close: async () => {
      await circuit.stop();
      await Promise.all([primary.close(), secondary.close()]);
    },
  };
}

function given(by: Giver, tokens: readonly Token[]): Token[] {
  return tokens.map(({ lane, receipt }) => ({ lane, receipt: by + receipt }));
}

/** With the receipts as their givers know them. */
function split(tokens: readonly Token[]): [ofPrimary: Token[], ofSecondary: Token[]] {
  const of = (by: Giver): Token[] =>
    tokens
      .filter(({ receipt }) => receipt.startsWith(by))
      .map(({ lane, receipt }) => ({ lane, receipt: receipt.slice(1) }));
  return [of('p'), of('s')];
}

function lanesOf(tokens: readonly Token[]): Lane[] {
  return tokens.map((token) => token.lane);
}
