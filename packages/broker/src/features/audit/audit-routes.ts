/** Routes of the audit trail, for operators: look, verify, sign. */
import type { FastifyInstance } from 'fastify';
import type { ListAuditCheckpointsQuery, ListAuditQuery } from '../../kernel/contract.generated.ts';
import type { Audit } from './audit.ts';

type WithSeq = { Params: { seq: number } };

const PATH = '/api/v1/admin/audit';
const SEQ = {
  type: 'object',
  required: ['seq'],
  properties: {
    seq: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Number of the row.' },
  },
};
const config = { access: 'admin', permission: 'audit.read' } as const;
const tags = ['admin'];

export function auditRoutes(audit: Audit) {
  return (app: FastifyInstance): void => {
    app.get<{ Querystring: ListAuditQuery }>(PATH, {
      config,
      schema: {
        ...{ tags, operationId: 'listAudit', summary: 'List what operators did' },
        querystring: { $ref: 'ListAuditQuery#' },
        response: { 200: { description: 'One page.', $ref: 'AuditList#' } },
      },
      handler: (request) => audit.list(request.query),
    });
    app.get<WithSeq>(`${PATH}/rows/:seq`, {
      config,
      schema: {
        ...{ tags, operationId: 'getAuditRow', summary: 'Look at one row of the audit trail', params: SEQ },
        response: { 200: { description: 'The row.', $ref: 'AuditRow#' } },
      },
      handler: (request) => audit.get(request.params.seq),
    });
    app.get(`${PATH}/verify`, {
      config,
      schema: {
        ...{ tags, operationId: 'verifyAudit', summary: 'Look whether the audit trail is as it was written' },
        response: { 200: { description: 'What was found.', $ref: 'AuditVerification#' } },
      },
      handler: () => audit.verify(),
    });
    app.get<{ Querystring: ListAuditCheckpointsQuery }>(`${PATH}/checkpoints`, {
      config,
      schema: {
        ...{ tags, operationId: 'listAuditCheckpoints', summary: 'List signed ends, to keep them elsewhere' },
        querystring: { $ref: 'ListAuditCheckpointsQuery#' },
        response: { 200: { description: 'One page.', $ref: 'AuditCheckpointList#' } },
      },
      handler: (request) => audit.checkpoints(request.query),
    });
    app.post(`${PATH}/checkpoints`, {
      // It is about the trail itself, and would otherwise never be its end.
      config: { ...config, permission: 'audit.checkpoint', act: null },
      schema: {
        ...{ tags, operationId: 'signAudit', summary: 'Sign the present end of the audit trail' },
        response: { 200: { description: 'The checkpoint.', $ref: 'AuditCheckpoint#' } },
      },
      handler: () => audit.checkpoint(),
    });
  };
}
