/** Explains a request to an operator: its last attempt, and the next one if it was made now. */
import type { Ledger, RequestRow } from '../../engines/ledger/ledger.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AttemptExplanation, RequestExplanation } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { isId } from '../../kernel/ids.ts';
import type { CallTimers, ModelCall, Upstreams } from '../upstreams/upstreams.ts';
import { requestContent, VaultError } from './request-content.ts';
import { hasEnded, statusOf } from './request-states.ts';

interface ExplainDeps {
  readonly ledger: Pick<Ledger, 'find' | 'body' | 'lanes'>;
  readonly vault: Vault;
  readonly upstreams: Pick<Upstreams, 'explainLast' | 'explainNext'>;
  /** The most that the settings allow. */
  readonly timers: CallTimers;
  /** For texts to embed, instead of the time until the first token. */
  readonly embedTimeoutMs: () => number;
  /** What a queue says otherwise of the whole call; null when it does not. */
  readonly totalMsOf?: (queue: string) => number | null;
  readonly clock: Clock;
}

export function createExplainRequest(deps: ExplainDeps) {
  const { ledger, vault, upstreams, clock } = deps;
  const content = requestContent(vault);

  /** Null when it cannot be decrypted, or is gone. */
  async function callOf(id: string, model: string): Promise<ModelCall | null> {
    try {
      const sealed = await ledger.body(id);
      return sealed && { ...(await content.open('body', id, sealed)), model };
    } catch (error) {
      if (error instanceof VaultError) return null;
      throw error;
    }
  }

  function nextOf(row: RequestRow, call: ModelCall | null, timers: CallTimers): AttemptExplanation | null {
    if (!call || hasEnded(row.state)) return null;
    const leftMs = row.deadlineAt === null ? Number.POSITIVE_INFINITY : row.deadlineAt - clock.now();
    return upstreams.explainNext(call, timers, Math.max(0, leftMs));
  }

  return async (id: string): Promise<RequestExplanation> => {
    const row = isId('req', id) ? await ledger.find(id) : null;
    if (!row) throw fail('not_found', { detail: 'There is no such request.' });
    const { model, queue } = await ledger.lanes.nameOf(row.laneId);
    const call = await callOf(id, model);
    const { totalMs, firstTokenMs } = deps.timers;
    const timers = {
      ...deps.timers,
      totalMs: deps.totalMsOf?.(queue) ?? totalMs,
      firstTokenMs: call?.input === undefined ? firstTokenMs : deps.embedTimeoutMs(),
    };
    return {
      ...{ id, status: statusOf(row.state), model, attempts: row.attempts },
      last_attempt: upstreams.explainLast(id, timers) ?? onlyUpstream(row),
      next_attempt: nextOf(row, call, timers),
    };
  };
}

/** Another broker made it, or it was long ago. */
function onlyUpstream({ upstream, errorCode, state, processingMs }: RequestRow): AttemptExplanation | null {
  if (upstream === null) return null;
  const outcome = errorCode ?? (state === 'completed' ? 'answered' : null);
  const unknown = { reason: null, began_at: null, first_token_ms: null, timers: [], terms: [] };
  return { ...unknown, upstream, outcome, took_ms: processingMs };
}
