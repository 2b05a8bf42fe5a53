/** Settings as rooms name them, for rooms that read several together; each field is read late and may be another then. */
import type { Settings } from './settings.ts';

export function timersOf(settings: Settings) {
  return {
    get connectMs() {
      return settings.connectTimeoutMs;
    },
    get firstTokenMs() {
      return settings.firstTokenTimeoutMs;
    },
    get gapMs() {
      return settings.gapTimeoutMs;
    },
    get totalMs() {
      return settings.totalTimeoutMs;
    },
  };
}

export function retryPolicyOf(settings: Settings) {
  return {
    get maxAttempts() {
      return settings.maxAttempts;
    },
    get baseMs() {
      return settings.retryBaseMs;
    },
    get capMs() {
      return settings.retryCapMs;
    },
  };
}

export function swapBoundsOf(settings: Settings) {
  return {
    get requests() {
      return settings.swapAfterRequests;
    },
    get ms() {
      return settings.swapAfterMs;
    },
  };
}

/** For calls that do not say how long an answer may be. */
export function clientOptionsOf(settings: Settings) {
  return {
    get defaultMaxTokens() {
      return settings.maxTokens;
    },
  };
}
