/** What calls of one model at one upstream took at most lately, in the parts that a timer is made of; pure. */

/**
 * An upper envelope: up at once, down slowly. A call that was given up only says "at least this long"; that is
 * believed until calls that were answered contradict it, and is forgotten sooner than what was measured.
 */
export interface Longest {
  readonly measured: number;
  readonly atLeast: number;
  /** How many were measured. */
  readonly samples: number;
}

export interface Speed {
  /** Until the connection stood. */
  readonly connectMs: Longest;
  /** Until the first token, without loading the model and without reading a prompt of any length. */
  readonly waitMs: Longest;
  /** To read one token of the prompt. */
  readonly promptTokenMs: Longest;
  /** Between two signs of life of one answer. */
  readonly gapMs: Longest;
  /** To write one token. */
  readonly tokenMs: Longest;
  readonly loadMs: Longest;
  /** Calls of all models that shared the upstream. */
  readonly calls: Longest;
}

/** One call that was answered. */
export interface SpeedSample {
  readonly connectMs: number | undefined;
  readonly firstTokenMs: number;
  readonly tookMs: number;
  readonly longestGapMs: number;
  readonly loadMs: number;
  readonly promptMs: number;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly calls: number;
}

/** One call that was given up: how long it had been waited for, and what. */
export interface GivenUp {
  /** Undefined while the connection did not stand. */
  readonly connectMs: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly tookMs: number;
  /** Since the last sign of life. */
  readonly silentMs: number;
  /** As it was estimated. */
  readonly promptTokens: number;
  readonly maxTokens: number;
  readonly isWarm: boolean;
}

const NOTHING: Longest = { measured: 0, atLeast: 0, samples: 0 };
export const NO_SPEED: Speed = {
  ...{ connectMs: NOTHING, waitMs: NOTHING, promptTokenMs: NOTHING, gapMs: NOTHING },
  ...{ tokenMs: NOTHING, loadMs: NOTHING, calls: NOTHING },
};

/** What remains of the distance to a shorter sample: a rare slow call is remembered for about as many others. */
const MEASURED_DECAY = 63 / 64;
const GIVEN_UP_DECAY = 3 / 4;
/** A shorter prompt says more about the call than about its tokens. */
const MOST_TELLING_PROMPT = 32;
/** Less is no load: the model was there. */
const LEAST_LOAD_MS = 100;

export function longestOf({ measured, atLeast }: Longest): number {
  return Math.max(measured, atLeast);
}

export function speedAfter(speed: Speed, sample: SpeedSample): Speed {
  const { connectMs, firstTokenMs, tookMs, loadMs, promptMs, promptTokens, tokens } = sample;
  const isLongPrompt = promptTokens >= MOST_TELLING_PROMPT && promptMs > 0;
  const waitMs = Math.max(0, firstTokenMs - loadMs - (isLongPrompt ? promptMs : 0));
  const hasTokens = tokens > 1;
  return {
    connectMs: after(speed.connectMs, connectMs),
    waitMs: after(speed.waitMs, waitMs),
    promptTokenMs: after(speed.promptTokenMs, isLongPrompt ? promptMs / promptTokens : undefined),
    gapMs: after(speed.gapMs, hasTokens ? sample.longestGapMs : undefined),
    tokenMs: after(speed.tokenMs, hasTokens ? (tookMs - firstTokenMs) / (tokens - 1) : undefined),
    loadMs: after(speed.loadMs, loadMs >= LEAST_LOAD_MS ? loadMs : undefined),
    calls: after(speed.calls, sample.calls),
  };
}

/** Each part is raised so far that it alone accounts for the wait; nothing is ever lowered. */
export function speedAfterGivenUp(speed: Speed, call: GivenUp): Speed {
  const { connectMs, firstTokenMs, tookMs, silentMs, promptTokens, maxTokens, isWarm } = call;
  if (connectMs === undefined) return { ...speed, connectMs: atLeast(speed.connectMs, tookMs) };
  if (firstTokenMs === undefined) {
    const waitedMs = tookMs - connectMs;
    const readingMs = promptTokens * longestOf(speed.promptTokenMs);
    if (isWarm) return { ...speed, waitMs: atLeast(speed.waitMs, waitedMs - readingMs) };
    const warmMs = readingMs + longestOf(speed.waitMs);
    return { ...speed, loadMs: atLeast(speed.loadMs, waitedMs - warmMs) };
  }
  return {
    ...speed,
    gapMs: atLeast(speed.gapMs, silentMs),
    // It had at most so many tokens, and was not done.
    tokenMs: atLeast(speed.tokenMs, (tookMs - firstTokenMs) / Math.max(1, maxTokens)),
  };
}

function after(longest: Longest, sample: number | undefined): Longest {
  if (sample === undefined) return longest;
  const { measured, samples } = longest;
  return {
    measured: Math.max(sample, sample + (measured - sample) * MEASURED_DECAY),
    atLeast: longest.atLeast * GIVEN_UP_DECAY,
    samples: samples + 1,
  };
}

function atLeast(longest: Longest, waited: number): Longest {
  return waited > longest.atLeast ? { ...longest, atLeast: waited } : longest;
}
