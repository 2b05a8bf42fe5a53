/** The counts and durations at the end of an answer: nanoseconds, and a zero is left out. */

export interface Metrics {
  total_duration?: number;
  load_duration?: number;
  prompt_eval_count?: number;
  prompt_eval_duration?: number;
  eval_count?: number;
  eval_duration?: number;
}

/** Moments of one call, by performance.now(). */
export interface Timing {
  arrivedMs: number;
  /** It had a runner: queue and load are over. */
  placedMs: number;
  /** It had a slot; the wait for it shows in total_duration only. */
  slotMs: number;
  firstTokenMs: number;
}

export function metricsOf(timing: Timing, promptTokens: number, answerTokens: number): Metrics {
  const load = nanoseconds(timing.placedMs - timing.arrivedMs);
  const promptEval = nanoseconds(timing.firstTokenMs - timing.slotMs);
  const now = performance.now();
  const evaluation = answerTokens > 0 ? nanoseconds(now - timing.firstTokenMs) : 0;
  const metrics: Metrics = {
    total_duration: Math.max(nanoseconds(now - timing.arrivedMs), load + promptEval + evaluation),
    load_duration: load,
  };
  if (promptTokens > 0) metrics.prompt_eval_count = promptTokens;
  metrics.prompt_eval_duration = promptEval;
  if (answerTokens > 0) {
    metrics.eval_count = answerTokens;
    metrics.eval_duration = evaluation;
  }
  return metrics;
}

/** At least 1: a real clock never measures nothing. */
export function nanoseconds(durationMs: number): number {
  return Math.max(1, Math.round(durationMs * 1e6));
}
