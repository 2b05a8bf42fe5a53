/** Knows whether an engine is there: opens when it fails, asks again and again, and closes when it answers. */
import type { Clock } from '../../kernel/clock.ts';
import { every } from '../../kernel/every.ts';
import { inTime } from '../../kernel/in-time.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';

export interface EngineState {
  readonly name: string;
  readonly isUp: boolean;
  /** When that began, in milliseconds since 1970. */
  readonly since: number;
  /** Why it is away, as a sentence without addresses or secrets; null when it is up. */
  readonly why: string | null;
}

/** `start` resolves after the engine was asked once, whatever came of it. */
export interface Circuit extends Service {
  readonly isUp: boolean;
  state(): EngineState;
  /** The engine has failed: it is away until it answers again. */
  open(error: unknown): void;
  /** The engine is slow: it is asked now rather than at the next tick. */
  suspect(): void;
}

export interface CircuitPlan {
  readonly name: string;
  /** Asked while the engine is up; rejects when it is not. */
  readonly probe: () => Promise<void>;
  /** Asked while it is away: when this resolves it is back. It keeps its own time. */
  readonly recover: () => Promise<void>;
  readonly explain: (error: unknown) => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly askEveryMs?: number;
  readonly probeTimeoutMs?: number;
}

const ASK_EVERY_MS = 1_000;
const PROBE_TIMEOUT_MS = 1_000;

/** Before the first answer an engine is away. Each change is logged once, and so is each new reason. */
export function createCircuit(plan: CircuitPlan): Circuit {
  const { name, clock, logger, askEveryMs = ASK_EVERY_MS, probeTimeoutMs = PROBE_TIMEOUT_MS } = plan;
  let state: EngineState = { name, isUp: false, since: clock.now(), why: 'It has not answered yet.' };
  const reasons = new Set<string>();
  let asking: Promise<void> | null = null;
  let isStopped = true;

  function open(error: unknown): void {
    const why = plan.explain(error);
    const wasUp = state.isUp;
    state = { name, isUp: false, since: wasUp ? clock.now() : state.since, why };
    if (!reasons.has(why)) logger.warn({ engine: name, reason: why, err: error }, `the ${name} is away`);
    reasons.add(why);
    // It may have been one connection only.
    if (wasUp) suspect();
  }

  function close(): void {
    const awayMs = clock.now() - state.since;
    state = { name, isUp: true, since: clock.now(), why: null };
    if (reasons.size > 0) logger.info({ engine: name, awayMs }, `the ${name} is back`);
    reasons.clear();
  }

  async function askOnce(): Promise<void> {
    try {
      if (state.isUp) {
        await inTime(plan.probe(), probeTimeoutMs, () => new Error('no answer in time'));
      } else {
        await plan.recover();
        if (!isStopped) close();
      }
    } catch (error) {
      if (!isStopped) open(error);
    }
  }

  /** What fails while it is asked is not lost: the next question finds it. */
  function ask(): Promise<void> {
    asking ??= askOnce().finally(() => (asking = null));
    return asking;
  }

  function suspect(): void {
    if (!isStopped) setImmediate(() => void ask());
  }

  const ticker = every(`ask the ${name}`, askEveryMs, ask, (error) =>
    logger.error({ err: error }, `asking the ${name} broke`),
  );

  return {
    name,
    get isUp() {
      return state.isUp;
    },
    state: () => state,
    open,
    suspect,
    start: async () => {
      if (!isStopped) return;
      isStopped = false;
      await ask();
      if (!isStopped) await ticker.start();
    },
    stop: async () => {
      isStopped = true;
      await ticker.stop();
    },
  };
}
