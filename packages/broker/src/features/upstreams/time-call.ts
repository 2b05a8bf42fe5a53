/** Makes one call and measures its parts. */
import type { CallOptions, CallOutcome, ModelCall, OllamaClient } from './ollama-client.ts';

/** One call, as it was timed. */
export interface TimedOutcome {
  readonly outcome: CallOutcome;
  /** Undefined when the connection did not stand. */
  readonly connectMs: number | undefined;
  /** Undefined when there was none. */
  readonly firstTokenMs: number | undefined;
  /** Between two parts of the answer, and from the last one to the end. */
  readonly longestGapMs: number;
  /** From the last sign of life to the end. */
  readonly silentMs: number;
  readonly tookMs: number;
}

export async function timeCall(
  client: Pick<OllamaClient, 'run'>,
  call: ModelCall,
  options: CallOptions,
): Promise<TimedOutcome> {
  const startedAt = performance.now();
  let connectMs: number | undefined;
  let firstTokenMs: number | undefined;
  let lastMs = 0;
  let longestGapMs = 0;
  const outcome = await client.run(call, {
    ...options,
    onConnected: () => {
      connectMs = performance.now() - startedAt;
      lastMs = connectMs;
    },
    onProgress: (delta) => {
      const nowMs = performance.now() - startedAt;
      if (firstTokenMs === undefined) firstTokenMs = nowMs;
      else longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
      lastMs = nowMs;
      options.onProgress?.(delta);
    },
  });
  const tookMs = performance.now() - startedAt;
  const silentMs = tookMs - lastMs;
  if (firstTokenMs !== undefined) longestGapMs = Math.max(longestGapMs, silentMs);
  return { outcome, connectMs, firstTokenMs, longestGapMs, silentMs, tookMs };
}
