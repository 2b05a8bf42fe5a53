/** Turns whatever was thrown into the one form of an error: problem+json, with nothing of the inside in it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LedgerUnavailable } from '../engines/ledger/ledger.ts';
import type { Problem } from '../kernel/contract.generated.ts';
import { fail, FilaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { validationFailed } from './contract.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

interface ThrownByFastify extends Error {
  code?: string;
  statusCode?: number;
  validation?: Parameters<typeof validationFailed>[0];
  validationContext?: string;
}

export function problemOf(error: FilaError, requestId: string): Problem {
  const { detail, errors, retryAfter, limit } = error.details;
  const row = {
    type: `urn:fila:error:${error.code}`,
    title: fail(error.code).message,
    status: error.status,
    code: error.code,
  };
  return {
    ...row,
    detail: detail ?? row.title,
    request_id: requestId,
    ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
    ...(limit === undefined ? {} : { limit }),
    ...(errors === undefined ? {} : { errors: [...errors] }),
  };
}

export function answerError(logger: Logger) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = asFilaError(thrown);
    if (error.code === 'internal_error')
      logger.error({ err: thrown, http: request.id }, 'a call failed by a defect of ours');
    // Those who watch the engines and the queue say it once, not with every call.
    else if (error.status >= 500 && !SAID_ELSEWHERE.has(error.code))
      logger.warn({ err: thrown, http: request.id }, 'a call could not be answered');
    if (error.code === 'body_too_large' || request.routeOptions.config?.takesLines) readOn(request, reply);
    return sendProblem(error, request, reply);
  };
}

/**
 * A connection that closes while its client still sends is reset, and takes the answer along: the client would see a
 * broken call where it should read why. The rest is read and thrown away; the timeout of a call is its limit.
 */
export function readOn(request: FastifyRequest, reply: FastifyReply): void {
  void reply.removeHeader('connection');
  request.raw.resume();
}

export function sendProblem(error: FilaError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.details.retryAfter !== undefined) void reply.header('retry-after', error.details.retryAfter);
  if (error.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  // Also when the call failed before any hook ran.
  void reply.header('x-request-id', request.id);
  return reply.code(error.status).type(PROBLEM_TYPE).send(problemOf(error, request.id));
}

const SAID_ELSEWHERE = new Set<string>(['unavailable', 'queue_full', 'queue_draining', 'overloaded']);

/** Time for another broker to take over, or for this one to be back. */
export const UNAVAILABLE_RETRY_S = 2;

/** Of whatever was thrown. */
export function asFilaError(thrown: unknown): FilaError {
  if (thrown instanceof FilaError) return thrown;
  return thrown instanceof Error ? ofForeignError(thrown) : fail('internal_error', { cause: thrown });
}

function ofForeignError(thrown: ThrownByFastify): FilaError {
  if (thrown.validation) return validationFailed(thrown.validation, thrown.validationContext);
  if (isDatabaseAway(thrown))
    return fail('unavailable', {
      // A write whose end was not heard may have happened.
      detail:
        'The database is out of reach. Send it again; an Idempotency-Key keeps it from being done twice.',
      retryAfter: UNAVAILABLE_RETRY_S,
      cause: thrown,
    });
  if (thrown.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return fail('body_too_large');
  if (thrown.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return fail('unsupported_media_type', {
      detail: 'Send the body as Content-Type: application/json; an upload of lines as application/x-ndjson.',
    });
  const status = thrown.statusCode ?? 500;
  return status >= 400 && status < 500
    ? fail('bad_request', { cause: thrown })
    : fail('internal_error', { cause: thrown });
}

/** Sequelize's names for "no connection", without importing it here; the driver's own error is its `original`. */
function isDatabaseAway(thrown: Error & { original?: { code?: string; fatal?: boolean } }): boolean {
  return (
    thrown instanceof LedgerUnavailable ||
    /^Sequelize(Connection|HostNot|AccessDenied|Timeout)/.test(thrown.name) ||
    thrown.original?.fatal === true ||
    OUT_OF_REACH.test(thrown.original?.code ?? '')
  );
}

const OUT_OF_REACH =
  /^(PROTOCOL_|ECONN|EPIPE|ETIMEDOUT|SQLITE_(FULL|READONLY|IOERR|CANTOPEN|BUSY)|ER_(DISK_FULL|RECORD_FILE_FULL|OPTION_PREVENTS|SERVER_SHUTDOWN|QUERY_INTERRUPTED|CON_COUNT))/;
