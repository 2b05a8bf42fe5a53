/** How webhooks and deliveries look to people: columns of a list, fields of one. */
import type { Webhook, WebhookDelivery } from '@fila/sdk';
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
    { header: 'REQUEST', wide: true, cell: (delivery) => ({ exact: delivery.request_id ?? '' }) },
    { header: 'MESSAGE', wide: true, cell: (delivery) => ({ exact: delivery.message_id }) },
    { header: 'ATTEMPTS', cell: (delivery) => ({ exact: String(delivery.attempts) }) },
    {
      header: 'HTTP',
      cell: ({ response_status: status }) => ({ exact: status === null ? '' : String(status) }),
    },
    { header: 'TOOK', cell: tookCell },
    { header: 'ERROR', cell: ({ error }) => ({ exact: error ?? '', tone: 'bad' }) },
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

/** Milliseconds in a pipe. */
function tookCell({ latency_ms: latencyMs }: WebhookDelivery): Cell {
  if (latencyMs === null) return { exact: '', shown: '-', tone: 'dim' };
  return { exact: String(latencyMs), shown: shortDuration(latencyMs) };
}
