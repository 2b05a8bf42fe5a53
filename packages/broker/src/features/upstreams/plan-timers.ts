/** Decides how long one call may take, from its size, what was measured, and how busy the upstream is; pure. */
import { promptBytesOf } from '../../kernel/prompt-bytes.ts';
import type { CallTimers, ModelCall } from './ollama-client.ts';
import { longestOf, type Longest, type Speed } from './speed.ts';

/** How much a call asks for. */
export interface CallSize {
  /** Of all text that the model reads, as UTF-8. */
  readonly promptBytes: number;
  readonly maxTokens: number;
  /** By the request; otherwise by the settings. */
  readonly isMaxGiven: boolean;
}

/** All that the four timers depend on. */
export interface TimerFacts {
  readonly size: CallSize;
  readonly speed: Speed;
  /** Calls of all models at the upstream, this one included. */
  readonly running: number;
  readonly slots: number;
  /** Whether the model is loaded, for certain. */
  readonly isWarm: boolean;
  readonly isAdaptive: boolean;
  /** What the settings allow at most, and the deadline of the request. */
  readonly ceilings: CallTimers;
  readonly floors: CallTimers;
}

/** A connect of 2.5 s survives one lost packet; the others survive a pause of the machine. */
export const FLOORS: CallTimers = {
  connectMs: 2_500,
  firstTokenMs: 15_000,
  gapMs: 10_000,
  totalMs: 30_000,
};
/**
 * A call may take so many times as long as the longest lately: a model that gets ten times slower is waited for. One
 * that was given up raises the next timers by the same, so that calls are not given up one after the other.
 */
export const MARGIN = 12;
/** Fewer measurements say nothing: the ceiling holds. */
export const LEAST_SAMPLES = 5;
/** Less than any tokenizer needs for a text of letters, so that a prompt is rather taken for longer than it is. */
export const BYTES_PER_TOKEN = 3;
/** 50 tokens a second: a small machine without a GPU. */
export const USUAL_PROMPT_TOKEN_MS = 20;

/** As text of 1,024 tokens: about what the usual vision models make of an image. */
const IMAGE_BYTES = 1_024 * BYTES_PER_TOKEN;

export function sizeOf(call: Omit<ModelCall, 'model'>, defaultMaxTokens: number): CallSize {
  let images = countImages(call.images);
  for (const message of call.messages ?? []) images += countImages(message.images);
  const promptBytes = promptBytesOf(call) + IMAGE_BYTES * images;
  if (call.input !== undefined) return { promptBytes, maxTokens: 0, isMaxGiven: true };
  const given = call.parameters?.max_tokens;
  return { promptBytes, maxTokens: given ?? defaultMaxTokens, isMaxGiven: given !== undefined };
}

function countImages(images: readonly string[] = []): number {
  return images.filter((image) => image !== '').length;
}

export function promptTokensOf({ promptBytes }: Pick<CallSize, 'promptBytes'>): number {
  return Math.ceil(promptBytes / BYTES_PER_TOKEN);
}

export function planTimers(facts: TimerFacts): CallTimers {
  const estimates = estimateTimers(facts);
  return {
    connectMs: within(facts, 'connectMs', estimates.connectMs),
    firstTokenMs: within(facts, 'firstTokenMs', estimates.firstTokenMs),
    gapMs: within(facts, 'gapMs', estimates.gapMs),
    totalMs: within(facts, 'totalMs', estimates.totalMs),
  };
}

/** Undefined where too little is known. */
export type Estimates = { readonly [Name in keyof CallTimers]: number | undefined };

const UNKNOWN: Estimates = {
  connectMs: undefined,
  firstTokenMs: undefined,
  gapMs: undefined,
  totalMs: undefined,
};

export function estimateTimers(facts: TimerFacts): Estimates {
  const { size, speed } = facts;
  if (!facts.isAdaptive) return UNKNOWN;
  const scale = MARGIN * crowding(facts);
  const connectMs = isKnown(speed.connectMs) ? MARGIN * longestOf(speed.connectMs) : undefined;
  const gapMs = isKnown(speed.gapMs) ? scale * longestOf(speed.gapMs) : undefined;
  const loadMs = loadAllowanceMs(facts);
  if (!isKnown(speed.waitMs) || loadMs === undefined) return { ...UNKNOWN, connectMs, gapMs };
  const readingMs = promptTokensOf(size) * promptTokenMs(speed);
  const firstTokenMs = loadMs + scale * (longestOf(speed.waitMs) + readingMs);
  const writingMs = scale * size.maxTokens * longestOf(speed.tokenMs);
  // An answer may be late by every timer but this one.
  const totalMs = isKnown(speed.tokenMs) ? firstTokenMs + writingMs + (gapMs ?? 0) : undefined;
  return { connectMs, firstTokenMs, gapMs, totalMs };
}

/** How much more the upstream is shared than when it was measured; at least 1. */
export function crowding({ running, slots, speed }: TimerFacts): number {
  return Math.max(1, Math.max(running, slots) / Math.max(1, longestOf(speed.calls)));
}

/** 0 for a model that is loaded; undefined when no load was seen yet. */
export function loadAllowanceMs({ isWarm, speed }: TimerFacts): number | undefined {
  if (isWarm) return 0;
  return speed.loadMs.samples > 0 ? MARGIN * longestOf(speed.loadMs) : undefined;
}

export function promptTokenMs({ promptTokenMs: measured }: Speed): number {
  return isKnown(measured) ? longestOf(measured) : USUAL_PROMPT_TOKEN_MS;
}

export function isKnown({ samples }: Longest): boolean {
  return samples >= LEAST_SAMPLES;
}

function within({ floors, ceilings }: TimerFacts, name: keyof CallTimers, estimate = Infinity): number {
  return Math.ceil(Math.min(ceilings[name], Math.max(floors[name], estimate)));
}
