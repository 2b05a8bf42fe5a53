/** Where calls wait for the end of a request: woken by this process at once, and looking themselves now and then. */
import { failpoint } from '../../kernel/failpoints.ts';

/** Another broker may have ended the request: nobody tells us then, so a waiting call looks again after this time. */
const LOOK_AGAIN_MS = 1_000;

export interface WaitRoom {
  /**
   * Calls `look` at once, whenever the request may have ended, and every second; resolves with what it finds when that
   * is not null, or with null after `waitMs`, when `signal` fires, or when the room closes.
   */
  wait<T>(
    id: string,
    look: () => Promise<T | null>,
    limit: { waitMs: number; signal?: AbortSignal },
  ): Promise<T | null>;
  /** Resolves when the request has ended, as far as is heard here, or after `waitMs` or with `signal`. */
  hear(id: string, limit: { waitMs: number; signal?: AbortSignal }): Promise<void>;
  wake(id: string): void;
  close(): void;
}

export function createWaitRoom(): WaitRoom {
  const waiting = new Map<string, Set<() => void>>();
  const closing = new AbortController();

  function nextLook(id: string, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const bells = waiting.get(id) ?? new Set();
      waiting.set(id, bells);
      const ring = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', ring);
        bells.delete(ring);
        if (bells.size === 0 && waiting.get(id) === bells) waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(ring, ms);
      signal.addEventListener('abort', ring, { once: true });
      bells.add(ring);
    });
  }

  function wake(id: string): void {
    for (const ring of waiting.get(id) ?? []) ring();
  }

  function orClosing(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
  }

  return {
    wake,
    async hear(id, { waitMs, signal }) {
      const over = orClosing(signal);
      if (!over.aborted) await nextLook(id, waitMs, over);
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
        if (found !== null) wake(id);
        if (found !== null || rung === null) return found;
        await rung;
      }
    },
    close() {
      closing.abort();
    },
  };
}
