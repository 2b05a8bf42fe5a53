/** The audit trail: who did what, and whether it is as it was written. For an operator: needs the admin token. */
import type { FilaPromise } from '../fila-promise.ts';
import type { CallOptions, Send } from '../http.ts';
import { listing, type Listing } from '../listing.ts';
import type {
  AuditCheckpoint,
  AuditCheckpointList,
  AuditList,
  AuditRow,
  AuditVerification,
  ListAuditCheckpointsQuery,
  ListAuditQuery,
} from '../types.generated.ts';

const AUDIT = '/api/v1/admin/audit';
const CHECKPOINTS = `${AUDIT}/checkpoints`;

export interface Audit {
  /**
   * Rows of the trail, newest first unless `order` says otherwise.
   * @example for await (const { at, actor, act, target } of fila.audit.list({ act: 'keys' })) console.log(at, act);
   */
  list(query?: ListAuditQuery, options?: CallOptions): Listing<AuditRow, AuditList>;
  /**
   * One row, by its number.
   * @example const { actor, reason } = await fila.audit.get(42);
   */
  get(seq: number, options?: CallOptions): FilaPromise<AuditRow>;
  /**
   * Reads the whole trail at the broker and names what was changed or removed.
   * @example const { status, problems } = await fila.audit.verify();
   */
  verify(options?: CallOptions): FilaPromise<AuditVerification>;
  /**
   * Signs the present end. Keep it where nobody who can write the database can write.
   * @example const { seq, hash, signature } = await fila.audit.checkpoint();
   */
  checkpoint(options?: CallOptions): FilaPromise<AuditCheckpoint>;
  /**
   * All that were signed, oldest first.
   * @example for await (const checkpoint of fila.audit.checkpoints()) console.log(checkpoint.seq);
   */
  checkpoints(
    query?: ListAuditCheckpointsQuery,
    options?: CallOptions,
  ): Listing<AuditCheckpoint, AuditCheckpointList>;
}

/** All of it is read; Node's fetch waits no longer than this for an answer. */
const PATIENCE: CallOptions = { timeoutMs: 300_000, maxRetries: 0 };

export function createAudit(send: Send): Audit {
  return {
    list: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<AuditList>({ method: 'GET', path: AUDIT, as: 'admin', query: { ...query, cursor } }, options),
      ),
    get: (seq, options) =>
      send({ method: 'GET', path: `${AUDIT}/rows/{id}`, id: String(seq), as: 'admin' }, options),
    verify: (options) =>
      send({ method: 'GET', path: `${AUDIT}/verify`, as: 'admin' }, { ...PATIENCE, ...options }),
    checkpoint: (options) => send({ method: 'POST', path: CHECKPOINTS, as: 'admin' }, options),
    checkpoints: (query, options) =>
      listing((cursor = query?.cursor) =>
        send<AuditCheckpointList>(
          { method: 'GET', path: CHECKPOINTS, as: 'admin', query: { ...query, cursor } },
          options,
        ),
      ),
  };
}
