/** Decides what follows from an attempt: delivered, once more, or the end; and what that says of the endpoint. Pure. */
import { retryDelayMs } from './retry-schedule.ts';
import type { SendResult } from './send-webhook.ts';
import type { DeliveryError, DeliveryState, DisabledReason } from './webhook-store.ts';

export interface Verdict {
  readonly state: DeliveryState;
  /** Until the next attempt; 0 when there is none. */
  readonly delayMs: number;
  readonly error: DeliveryError | null;
}

interface Circumstances {
  /** Made so far, this one included. */
  readonly attempts: number;
  /** False for what is worth nothing later, such as a test. */
  readonly isRepeatable: boolean;
  readonly random: number;
  readonly delaysMs?: readonly number[];
}

/** The statuses with which a receiver may say when to come back. */
const THROTTLING = new Set([429, 502, 503, 504]);
const GONE = 410;

/** A redirect is a failure like any other: followed, it could lead anywhere. */
export function judgeAttempt(result: SendResult, circumstances: Circumstances): Verdict {
  const error = errorOf(result);
  if (error === null) return { state: 'delivered', delayMs: 0, error };
  const { attempts, isRepeatable, random, delaysMs } = circumstances;
  const retryAfterMs =
    result.kind === 'answered' && THROTTLING.has(result.status) ? result.retryAfterMs : null;
  const delayMs =
    isRepeatable && !isGone(result) ? retryDelayMs(attempts, { random, retryAfterMs }, delaysMs) : null;
  return delayMs === null ? { state: 'failed', delayMs: 0, error } : { state: 'pending', delayMs, error };
}

function errorOf(result: SendResult): DeliveryError | null {
  if (result.kind === 'failed') return result.error;
  if (result.status >= 200 && result.status < 300) return null;
  return result.status >= 300 && result.status < 400 ? 'redirect' : 'status';
}

/** 410: whoever answers so wants nothing any more. */
export function isGone(result: SendResult): boolean {
  return result.kind === 'answered' && result.status === GONE;
}

/** Why a failed attempt disables its endpoint; null when it does not. */
export function reasonToDisable(
  result: SendResult,
  endpoint: { readonly failingSince: number | null },
  { now, failingMs }: { now: number; failingMs: number },
): DisabledReason | null {
  if (isGone(result)) return 'gone';
  const { failingSince } = endpoint;
  return failingSince !== null && now - failingSince >= failingMs ? 'failing' : null;
}
