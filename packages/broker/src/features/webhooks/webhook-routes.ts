/** Routes of webhooks: a key's owner manages its endpoints and looks at what was delivered to them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type {
  CreateWebhook,
  ListWebhookDeliveriesQuery,
  ListWebhooksQuery,
  RedeliverWebhook,
  RotateWebhookQuery,
  UpdateWebhook,
} from '../../kernel/contract.generated.ts';
import type { Act, Actor } from '../audit/audit.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { Webhooks } from './webhooks.ts';

interface WebhookRouteDeps {
  readonly webhooks: Webhooks;
  readonly keyOf: (request: FastifyRequest) => AcceptedKey;
}

type WithId = { Params: { id: string } };

const PATH = '/api/v1/webhooks';
const idOf = (what: string) => ({
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: `Id of the ${what}.` } },
});
const ID = idOf('webhook');
const config = { access: 'key', scope: 'webhooks:read' } as const;
const changes = { access: 'key', scope: 'webhooks:write' } as const;
const tags = ['webhooks'];
const webhook = (description: string) => ({ 200: { description, $ref: 'Webhook#' } });
const delivery = (description: string) => ({ 202: { description, $ref: 'WebhookDelivery#' } });

function acting({ webhooks }: WebhookRouteDeps, verb: string) {
  const state = (id: string, { id: keyId }: Actor) => webhooks.endpoints.get(keyId ?? '', id);
  const act = { name: `webhooks.${verb}`, kind: 'webhook', isOneTransaction: true, state } satisfies Act;
  return { ...changes, act };
}

export function webhookRoutes(deps: WebhookRouteDeps) {
  return (app: FastifyInstance): void => {
    addEndpoints(app, deps);
    addChanges(app, deps);
    addDeliveries(app, deps);
    addLog(app, deps);
  };
}

function addEndpoints(app: FastifyInstance, deps: WebhookRouteDeps): void {
  const { webhooks, keyOf } = deps;
  const { endpoints } = webhooks;
  app.post<{ Body: CreateWebhook }>(PATH, {
    config: acting(deps, 'create'),
    schema: {
      tags,
      operationId: 'createWebhook',
      summary: 'Register an endpoint',
      description: 'Its secret (whsec_…) is in this answer only. Calls follow Standard Webhooks.',
      body: { $ref: 'CreateWebhook#' },
      response: { 201: { description: 'The endpoint and its secret.', $ref: 'CreatedWebhook#' } },
    },
    handler: async (request, reply) => {
      const created = await endpoints.create(keyOf(request).id, request.body);
      void reply.code(201).header('location', `${PATH}/${created.id}`);
      return created;
    },
  });
  app.get<{ Querystring: ListWebhooksQuery }>(PATH, {
    config,
    schema: {
      tags,
      operationId: 'listWebhooks',
      summary: 'List own endpoints, newest first',
      querystring: { $ref: 'ListWebhooksQuery#' },
      response: { 200: { description: 'One page.', $ref: 'WebhookList#' } },
    },
    handler: (request) => endpoints.list(keyOf(request).id, request.query),
  });
  app.get<WithId>(`${PATH}/:id`, {
    config,
    schema: {
      tags,
      operationId: 'getWebhook',
      summary: 'Look at an endpoint',
      params: ID,
      response: webhook('The endpoint.'),
    },
    handler: (request) => endpoints.get(keyOf(request).id, request.params.id),
  });
  app.put<WithId & { Body: UpdateWebhook }>(`${PATH}/:id`, {
    config: acting(deps, 'update'),
    schema: {
      tags,
      operationId: 'updateWebhook',
      summary: 'Change an endpoint',
      params: ID,
      body: { $ref: 'UpdateWebhook#' },
      response: webhook('The changed endpoint.'),
    },
    handler: (request) => endpoints.update(keyOf(request).id, request.params.id, request.body),
  });
}

function addChanges(app: FastifyInstance, deps: WebhookRouteDeps): void {
  const { webhooks, keyOf } = deps;
  const { endpoints } = webhooks;
  app.delete<WithId>(`${PATH}/:id`, {
    config: acting(deps, 'delete'),
    schema: {
      tags,
      operationId: 'deleteWebhook',
      summary: 'Delete an endpoint',
      description: 'What is still on its way to it is given up.',
      params: ID,
      response: webhook('The endpoint as it was.'),
    },
    handler: (request) => endpoints.remove(keyOf(request).id, request.params.id),
  });
  app.post<WithId & { Querystring: RotateWebhookQuery }>(`${PATH}/:id/rotate`, {
    config: acting(deps, 'rotate'),
    schema: {
      tags,
      operationId: 'rotateWebhookSecret',
      summary: 'Give an endpoint a new secret',
      description: 'Until the overlap is over, every call carries a signature by each of the two secrets.',
      params: ID,
      querystring: { $ref: 'RotateWebhookQuery#' },
      response: { 200: { description: 'The endpoint and its new secret.', $ref: 'CreatedWebhook#' } },
    },
    handler: (request) =>
      endpoints.rotate(keyOf(request).id, request.params.id, request.query.overlap_seconds),
  });
  app.post<WithId>(`${PATH}/:id/enable`, {
    config: acting(deps, 'enable'),
    schema: {
      tags,
      operationId: 'enableWebhook',
      summary: 'Send to an endpoint again',
      description: 'What it missed while it was disabled comes with redeliver.',
      params: ID,
      response: webhook('The enabled endpoint.'),
    },
    handler: (request) => endpoints.enable(keyOf(request).id, request.params.id),
  });
}

function addDeliveries(app: FastifyInstance, { webhooks: { deliveries }, keyOf }: WebhookRouteDeps): void {
  app.post<WithId>(`${PATH}/:id/test`, {
    config: changes,
    schema: {
      tags,
      operationId: 'testWebhook',
      summary: 'Send a test event to an endpoint',
      description: 'Signed like any other event, of type webhook.test, tried once.',
      params: ID,
      response: delivery('The delivery that is made now.'),
    },
    handler: async (request, reply) => {
      void reply.code(202);
      return deliveries.test(keyOf(request).id, request.params.id);
    },
  });
  app.post<WithId & { Body: RedeliverWebhook }>(`${PATH}/:id/redeliver`, {
    config: changes,
    schema: {
      tags,
      operationId: 'redeliverWebhook',
      summary: 'Deliver again what an endpoint did not take',
      description: 'Every message since then whose last delivery failed, under its own message id.',
      params: ID,
      body: { $ref: 'RedeliverWebhook#' },
      response: { 202: { description: 'How many are on their way.', $ref: 'WebhookRedelivery#' } },
    },
    handler: async (request, reply) => {
      const { params, body } = request;
      void reply.code(202);
      return {
        count: await deliveries.redeliverSince(keyOf(request).id, params.id, Date.parse(body.since)),
      };
    },
  });
}

function addLog(app: FastifyInstance, { webhooks: { deliveries }, keyOf }: WebhookRouteDeps): void {
  app.get<{ Querystring: ListWebhookDeliveriesQuery }>(`${PATH}/deliveries`, {
    config,
    schema: {
      tags,
      operationId: 'listWebhookDeliveries',
      summary: 'List own deliveries, newest first',
      description: 'To endpoints and to the callback_url of requests.',
      querystring: { $ref: 'ListWebhookDeliveriesQuery#' },
      response: { 200: { description: 'One page.', $ref: 'WebhookDeliveryList#' } },
    },
    handler: (request) => deliveries.list(keyOf(request).id, request.query),
  });
  app.get<WithId>(`${PATH}/deliveries/:id`, {
    config,
    schema: {
      tags,
      operationId: 'getWebhookDelivery',
      summary: 'Look at a delivery and its attempts',
      params: idOf('delivery'),
      response: { 200: { description: 'The delivery.', $ref: 'WebhookDeliveryDetails#' } },
    },
    handler: (request) => deliveries.get(keyOf(request).id, request.params.id),
  });
  app.post<WithId>(`${PATH}/deliveries/:id/redeliver`, {
    config: changes,
    schema: {
      tags,
      operationId: 'redeliverWebhookDelivery',
      summary: 'Deliver one message again',
      params: idOf('delivery'),
      response: delivery('The new delivery, under the same message id.'),
    },
    handler: async (request, reply) => {
      void reply.code(202);
      return deliveries.redeliver(keyOf(request).id, request.params.id);
    },
  });
}
