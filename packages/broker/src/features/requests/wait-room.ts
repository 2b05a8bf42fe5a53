/** Where calls wait for the end of a request: woken by this process at once, and looking themselves now and then. */
import { failpoint } from '../../kernel/failpoints.ts';

/** Another broker may have ended the request: nobody tells us then, so a waiting call looks again after this time. */
const LOOK_AGAIN_MS = 1_000;

interface Limit {
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

export interface WaitRoom<Row> {
  /**
   * Calls `look` at once, whenever the request may have ended, and every second; resolves with what it finds, or with what
   * whoever wakes brings, when that is not null; or with null after `waitMs`, when `signal` fires, or when the room closes.
   */
  wait(id: string, look: () => Promise<Row | null>, limit: Limit): Promise<Row | null>;
  /** As `wait`, without any look: null also when nobody brings it. */
  hear(id: string, limit: Limit): Promise<Row | null>;
  /** Whether somebody waits for this request. */
  awaits(id: string): boolean;
  /** The request may have ended; `row` is what has become of it, where that is at hand. */
  wake(id: string, row?: Row): void;
  close(): void;
}

export function createWaitRoom<Row>(): WaitRoom<Row> {
  const waiting = new Map<string, Set<(row?: Row) => void>>();
  const closing = new AbortController();

  function nextLook(id: string, ms: number, signal: AbortSignal): Promise<Row | null> {
    return new Promise((resolve) => {
      const bells = waiting.get(id) ?? new Set();
      waiting.set(id, bells);
      const ring = (row?: Row): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        bells.delete(ring);
        if (bells.size === 0 && waiting.get(id) === bells) waiting.delete(id);
        resolve(row ?? null);
      };
      const leave = (): void => ring();
      const timer = setTimeout(leave, ms);
      signal.addEventListener('abort', leave, { once: true });
      bells.add(ring);
    });
  }

  function wake(id: string, row?: Row): void {
    for (const ring of waiting.get(id) ?? []) ring(row);
  }

  function orClosing(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
  }

  return {
    wake,
    awaits: (id) => waiting.has(id),
    async hear(id, { waitMs, signal }) {
      const over = orClosing(signal);
      return over.aborted ? null : nextLook(id, waitMs, over);
    },
    async wait(id, look, { waitMs, signal }) {
      const until = performance.now() + waitMs;
      const over = orClosing(signal);
      while (true) {
        const left = until - performance.now();
        // Registered before the look, so that an end in between is heard.
        const rung = left > 0 && !over.aborted ? nextLook(id, Math.min(left, LOOK_AGAIN_MS), over) : null;
        const held = failpoint('wait.before_look');
        if (held) await held;
        const found = await look();
        if (found !== null) wake(id, found);
        if (found !== null || rung === null) return found;
        const brought = await rung;
        if (brought !== null) return brought;
      }
    },
    close() {
      closing.abort();
    },
  };
}
