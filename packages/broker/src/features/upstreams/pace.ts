/** How fast an upstream answers for a model: moving averages of what calls took. Pure. */

export interface Pace {
  readonly firstTokenMs: number;
  readonly tokenMs: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What one call took; loading the model is no part of it. */
export interface PaceSample {
  readonly firstTokenMs: number;
  /** From the first token to the end. */
  readonly restMs: number;
  readonly tokens: number;
}

/** Share of the newest sample. */
const NEWEST = 0.3;
/** Answers differ in length; upstreams are compared by the time one of so many tokens would take. */
const USUAL_TOKENS = 100;
/** An old bad experience fades, so that an upstream which was slow once is tried again; not within one of its calls. */
const HALF_LIFE = { leastMs: 30_000, answers: 3 };

export function paceAfter(pace: Pace | undefined, sample: PaceSample, nowMs: number): Pace {
  const { firstTokenMs, restMs, tokens } = sample;
  const tokenMs = tokens > 1 ? restMs / (tokens - 1) : (pace?.tokenMs ?? 0);
  if (!pace) return { firstTokenMs, tokenMs, at: nowMs };
  const mix = (old: number, sampled: number): number => old + NEWEST * (sampled - old);
  return {
    firstTokenMs: mix(pace.firstTokenMs, firstTokenMs),
    tokenMs: mix(pace.tokenMs, tokenMs),
    at: nowMs,
  };
}

/** After a call that was given up: it would have taken longer still, so it can only make the pace slower. */
export function paceAfterTimeout(pace: Pace | undefined, waitedMs: number, nowMs: number): Pace {
  if (pace && pace.firstTokenMs >= waitedMs) return { ...pace, at: nowMs };
  return paceAfter(pace, { firstTokenMs: waitedMs, restMs: 0, tokens: 0 }, nowMs);
}

/** Time an answer of usual length would take, in milliseconds; undefined when nothing is known. */
export function expectedMs(pace: Pace | undefined, nowMs: number): number | undefined {
  if (!pace) return undefined;
  const ageMs = Math.max(0, nowMs - pace.at);
  const answerMs = pace.firstTokenMs + USUAL_TOKENS * pace.tokenMs;
  const halfLifeMs = Math.max(HALF_LIFE.leastMs, HALF_LIFE.answers * answerMs);
  return answerMs * 0.5 ** (ageMs / halfLifeMs);
}
