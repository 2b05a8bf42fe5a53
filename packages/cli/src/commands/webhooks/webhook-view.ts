/** How webhooks and deliveries look to people: columns of a list, fields of one. */
import type { Webhook, WebhookDelivery, WebhookDeliveryDetails } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';

type Looks<Status extends string> = Record<Status, readonly [glyph: string, tone: Tone]>;

const WEBHOOK_LOOKS: Looks<Webhook['status']> = { enabled: ['●', 'ok'], disabled: ['✖', 'bad'] };
const DELIVERY_LOOKS: Looks<WebhookDelivery['status']> = {
  pending: ['○', 'dim'],
  delivered: ['✔', 'ok'],
  failed: ['✖', 'bad'],
};

export function webhookColumns(nowMs: number): Column<Webhook>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: (webhook) => ({ exact: webhook.id }) },
    { header: 'URL', yields: true, cell: (webhook) => ({ exact: webhook.url }) },
    { header: 'STATUS', cell: webhookStatus },
    { header: 'EVENTS', wide: true, yields: true, cell: eventsCell },
    { header: 'FAILING-SINCE', cell: (webhook) => time(webhook.failing_since) },
    { header: 'CREATED', cell: (webhook) => time(webhook.created_at) },
  ];
}

export function webhookView(nowMs: number): View<Webhook> {
  const time = timeCell(nowMs);
  return {
    name: (webhook) => webhook.id,
    fields: (webhook) => [
      ['id', { exact: webhook.id }],
      ['url', { exact: webhook.url, tone: 'strong' }],
      ['status', webhookStatus(webhook)],
      ['events', eventsCell(webhook)],
      ['disabled', time(webhook.disabled_at)],
      ['failing since', time(webhook.failing_since)],
      ['previous secret until', time(webhook.previous_secret_until)],
      ['created', time(webhook.created_at)],
      ['updated', time(webhook.updated_at)],
    ],
  };
}

export function deliveryColumns(nowMs: number): Column<WebhookDelivery>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: (delivery) => ({ exact: delivery.id }) },
    { header: 'STATUS', cell: ({ status }) => statusCell(DELIVERY_LOOKS, status) },
    { header: 'TYPE', yields: true, cell: (delivery) => ({ exact: delivery.type }) },
    { header: 'TO', yields: true, cell: toCell },
    { header: 'REQUEST', wide: true, cell: (delivery) => ({ exact: delivery.request_id ?? '' }) },
    { header: 'MESSAGE', wide: true, cell: (delivery) => ({ exact: delivery.message_id }) },
    { header: 'TRIES', cell: (delivery) => ({ exact: String(delivery.attempts) }) },
    { header: 'HTTP', cell: httpCell },
    { header: 'TOOK', cell: tookCell },
    { header: 'ERROR', cell: errorCell },
    {
      header: 'ANSWER',
      wide: true,
      yields: true,
      cell: (delivery) => ({ exact: delivery.response_excerpt ?? '' }),
    },
    { header: 'NEXT', cell: (delivery) => time(delivery.next_attempt_at) },
    { header: 'CREATED', cell: (delivery) => time(delivery.created_at) },
  ];
}

export function deliveryView(nowMs: number): View<WebhookDelivery> {
  const time = timeCell(nowMs);
  return {
    name: (delivery) => delivery.id,
    fields: (delivery) => [
      ['id', { exact: delivery.id }],
      ['status', statusCell(DELIVERY_LOOKS, delivery.status)],
      ['type', { exact: delivery.type, tone: 'strong' }],
      ['to', toCell(delivery)],
      ['request', { exact: delivery.request_id ?? '' }],
      ['message', { exact: delivery.message_id }],
      ['repeats', { exact: delivery.replayed_from ?? '' }],
      ['attempts', { exact: String(delivery.attempts) }],
      ['error', errorCell(delivery)],
      ['last answer', { exact: delivery.response_excerpt ?? '' }],
      ['next attempt', time(delivery.next_attempt_at)],
      ['created', time(delivery.created_at)],
      ['ended', time(delivery.completed_at)],
    ],
  };
}

export function attemptColumns(nowMs: number): Column<WebhookDeliveryDetails['history'][number]>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ATTEMPT', cell: ({ attempt }) => ({ exact: String(attempt) }) },
    { header: 'ENDED', cell: ({ ended_at }) => time(ended_at) },
    { header: 'HTTP', cell: httpCell },
    { header: 'TOOK', cell: tookCell },
    { header: 'ERROR', cell: errorCell },
  ];
}

function webhookStatus({ status, disabled_reason: reason }: Webhook): Cell {
  const cell = statusCell(WEBHOOK_LOOKS, status);
  return reason === null ? cell : { ...cell, shown: `${cell.shown} (${reason})` };
}

function statusCell<Status extends string>(looks: Looks<Status>, status: Status): Cell {
  const [glyph, tone] = looks[status] ?? ['?', 'dim'];
  return { exact: status, shown: `${glyph} ${status}`, tone };
}

function eventsCell({ events }: Webhook): Cell {
  return events === null ? { exact: 'all', tone: 'dim' } : { exact: events.join(',') };
}

function toCell({ webhook_id: id }: WebhookDelivery): Cell {
  return { exact: id ?? 'callback' };
}

type Result = Pick<WebhookDelivery, 'response_status' | 'latency_ms' | 'error'>;

function httpCell({ response_status: status }: Result): Cell {
  return { exact: status === null ? '' : String(status) };
}

function errorCell({ error }: Result): Cell {
  return { exact: error ?? '', tone: 'bad' };
}

/** Milliseconds in a pipe. */
function tookCell({ latency_ms: latencyMs }: Result): Cell {
  if (latencyMs === null) return { exact: '', shown: '-', tone: 'dim' };
  return { exact: String(latencyMs), shown: shortDuration(latencyMs) };
}
