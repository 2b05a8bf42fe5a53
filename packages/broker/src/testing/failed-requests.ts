/** For tests of rooms: real requests in a real ledger that have failed, as the worker would have left them. */
import type { Engines } from '../engines/engines.ts';
import { requestContent, type FailurePolicy } from '../features/requests/request-content.ts';
import { createRequests } from '../features/requests/requests.ts';
import { systemClock } from '../kernel/clock.ts';
import type { RequestErrorCode } from '../kernel/error-codes.generated.ts';
import { newId } from '../kernel/ids.ts';
import { NO_LIMITS } from '../kernel/key-limits.ts';
import { ALL_RIGHTS } from '../kernel/key-rights.ts';
import { silentLogger } from '../kernel/logger.ts';

export interface Failing {
  readonly keyId?: string;
  readonly model?: string;
  readonly code?: RequestErrorCode;
  readonly message?: string;
  readonly policy?: FailurePolicy;
  readonly metadata?: Record<string, unknown>;
}

export const OWNER = newId('run');

export function failedRequests({ ledger, activeLanes, vault }: Engines) {
  const content = requestContent(vault);
  const requests = createRequests({
    offerLane: () => false,
    makeRoom: () => null,
    ...{
      ledger,
      activeLanes,
      vault,
      clock: systemClock,
      logger: silentLogger,
      defaultModel: () => 'llama3:8b',
    },
    hasReceivers: async () => false,
    problemOfCallback: () => null,
  });

  async function accept({ keyId = newId('key'), model = 'llama3:8b', metadata }: Failing): Promise<string> {
    const key = { id: keyId, name: 'k', expiresAt: null, plan: null, ...NO_LIMITS, rights: ALL_RIGHTS };
    const input = { prompt: `prompt of ${model}`, model, ...(metadata ? { metadata } : {}) };
    const accepted = await requests.accept({ key, input, idempotencyKey: null }, async () => {
      throw new Error('accept is the last stage');
    });
    return accepted.request.id;
  }

  /** Fails a pending request once, for good. */
  async function failNow(id: string, failing: Failing = {}): Promise<void> {
    const { code = 'upstream_failed', message = `${code} happened`, policy } = failing;
    const { laneId } = (await ledger.find(id))!;
    const claimed = await ledger.claim({ laneId, limit: 100, owner: OWNER, leaseMs: 30_000 });
    const { fence, notify } = claimed.find((row) => row.id === id)!;
    const error = {
      code,
      sealed: content.seal('error', id, { code, message, ...(policy ? { policy } : {}) }),
    };
    const settlement = { id, fence, owner: OWNER, notify, to: 'failed', countsAttempt: true } as const;
    await ledger.settle({ ...settlement, error, upstream: 'http://ollama' });
  }

  return {
    content,
    requests,
    failNow,
    /** A new request that has failed; its id. */
    failed: async (failing: Failing = {}): Promise<string> => {
      const id = await accept(failing);
      await failNow(id, failing);
      return id;
    },
  };
}
