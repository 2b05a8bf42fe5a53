/** Usage: what the requests of each hour came to, counted from the requests themselves. */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { Ledger, StateUsage } from '../../engines/ledger/ledger.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Usage, UsageHour, UsageQuery } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { firstIdAt } from '../../kernel/ids.ts';

export type CountUsage = (query: UsageQuery) => Promise<Usage>;

type Counts = Omit<UsageHour, 'hour'>;

const HOUR_MS = 3_600_000;
const SLICE_MS = HOUR_MS / 6;
const DEFAULT_HOURS = 24;
const MOST_HOURS = 31 * 24;
const NOTHING: Counts = {
  ...{ requests: 0, completed: 0, failed: 0, cancelled: 0, expired: 0 },
  ...{ prompt_tokens: 0, completion_tokens: 0 },
};

/**
 * Ids begin with their time, so a slice of an hour is a range of the index. One statement a slice: none is long, and
 * the daemon does other things between them.
 */
export function createCountUsage(ledger: Pick<Ledger, 'usage'>, clock: Clock): CountUsage {
  async function countHour(keyId: string | undefined, hourMs: number): Promise<Counts> {
    let counts = NOTHING;
    for (let at = hourMs; at < hourMs + HOUR_MS; at += SLICE_MS) {
      const range = { from: firstIdAt('req', at), before: firstIdAt('req', at + SLICE_MS) };
      counts = (await ledger.usage({ keyId, ...range })).reduce(withState, counts);
      // An embedded database answers without letting anybody else in.
      await othersTurn();
    }
    return counts;
  }

  return async ({ key, since }) => {
    const nowMs = clock.now();
    const first = startOfHour(
      since === undefined ? nowMs - (DEFAULT_HOURS - 1) * HOUR_MS : Date.parse(since),
    );
    if (first > nowMs || nowMs - first > MOST_HOURS * HOUR_MS)
      throw fail('validation_failed', {
        detail: 'since must lie in the last 31 days.',
        errors: [{ pointer: '/since', detail: 'must lie in the last 31 days' }],
      });
    const hours: UsageHour[] = [];
    for (let at = first; at <= nowMs; at += HOUR_MS)
      hours.push({ hour: new Date(at).toISOString(), ...(await countHour(key, at)) });
    return {
      since: new Date(first).toISOString(),
      until: new Date(nowMs).toISOString(),
      key: key ?? null,
      hours,
      total: hours.map(({ hour: _hour, ...counts }) => counts).reduce(sum, NOTHING),
    };
  };
}

/** Of these states each has its column; the others are only requests. */
function withState(counts: Counts, { state, count, promptTokens, completionTokens }: StateUsage): Counts {
  const isNamed = state === 'completed' || state === 'failed' || state === 'cancelled' || state === 'expired';
  return sum(counts, {
    ...NOTHING,
    ...(isNamed ? { [state]: count } : {}),
    requests: count,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
  });
}

function sum(one: Counts, other: Counts): Counts {
  return {
    requests: one.requests + other.requests,
    completed: one.completed + other.completed,
    failed: one.failed + other.failed,
    cancelled: one.cancelled + other.cancelled,
    expired: one.expired + other.expired,
    prompt_tokens: one.prompt_tokens + other.prompt_tokens,
    completion_tokens: one.completion_tokens + other.completion_tokens,
  };
}

function startOfHour(atMs: number): number {
  return atMs - (atMs % HOUR_MS);
}
