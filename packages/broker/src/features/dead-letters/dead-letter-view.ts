/** A dead letter as an operator sees it: everything about the failure, nothing of prompt and result. */
import type { Ledger, RequestRow } from '../../engines/ledger/ledger.ts';
import { VaultError } from '../../engines/vault/vault.ts';
import type { DeadLetter, DeadLetterDetails } from '../../kernel/contract.generated.ts';
import type { RequestContent, RequestFailure, RetryNote } from '../requests/requests.ts';

export interface DeadLetterView {
  summary(row: RequestRow): Promise<DeadLetter>;
  details(row: RequestRow): Promise<DeadLetterDetails>;
  failureOf(row: RequestRow): Promise<RequestFailure>;
  noteOf(row: RequestRow): Promise<RetryNote | null>;
}

interface ViewDeps {
  readonly ledger: Pick<Ledger, 'attempts' | 'lanes'>;
  readonly content: RequestContent;
}

type Failure = Omit<RequestFailure, 'code'> & { readonly code: string };

export function createDeadLetterView({ ledger, content }: ViewDeps): DeadLetterView {
  /** Null when it cannot be decrypted: what is broken must still be seen, and be discarded. */
  async function open<T>(opening: Promise<T> | null): Promise<T | null> {
    try {
      return await opening;
    } catch (error) {
      if (error instanceof VaultError) return null;
      throw error;
    }
  }

  async function failure(id: string, code: string | null, sealed: Buffer | null): Promise<Failure> {
    const opened = await open(sealed && content.open('error', id, sealed));
    return opened ?? { code: String(code), message: 'The stored message cannot be decrypted.' };
  }
  const failureOf = (row: RequestRow) => failure(row.id, row.errorCode, row.error) as Promise<RequestFailure>;
  const noteOf = (row: RequestRow) =>
    open(row.retryNote && content.open('retry_note', row.id, row.retryNote));

  async function summary(row: RequestRow): Promise<DeadLetter> {
    const [{ code, message }, metadata, { model }] = await Promise.all([
      failureOf(row),
      open(row.metadata && content.open('metadata', row.id, row.metadata)),
      ledger.lanes.nameOf(row.laneId),
    ]);
    return {
      id: row.id,
      state: stateOf(row),
      key_id: row.keyId,
      model,
      priority: row.priority,
      error: { code, message },
      attempts: row.attempts,
      upstream: row.upstream,
      metadata,
      created_at: iso(row.createdAt)!,
      failed_at: iso(row.completedAt)!,
      retry_of: row.retryOf,
      retried_as: row.retriedAs,
    };
  }

  async function details(row: RequestRow): Promise<DeadLetterDetails> {
    const [known, { policy }, note, reason, attempts] = await Promise.all([
      summary(row),
      failureOf(row),
      noteOf(row),
      open(row.discardReason && content.open('discard_reason', row.id, row.discardReason)),
      ledger.attempts(row.id),
    ]);
    const history = attempts.map(async ({ fence, upstream, errorCode, error, endedAt }) => {
      const { code, message } = await failure(row.id, errorCode, error);
      return { fence, upstream, error: { code, message }, ended_at: iso(endedAt)! };
    });
    return {
      ...known,
      deliveries: row.deliveries,
      policy: policy ?? null,
      history: await Promise.all(history),
      started_at: iso(row.startedAt),
      retry_reason: note?.reason ?? null,
      retry_operation: note?.operation ?? null,
      discarded_at: iso(row.discardedAt),
      discard_reason: reason,
    };
  }

  return { summary, details, failureOf, noteOf };
}

export function stateOf({ retriedAs, discardedAt }: RequestRow): DeadLetter['state'] {
  if (retriedAs !== null) return 'retried';
  return discardedAt === null ? 'open' : 'discarded';
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
