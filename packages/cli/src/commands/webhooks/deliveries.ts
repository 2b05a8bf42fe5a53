/** `fila webhooks deliveries`. */
import type { ListWebhookDeliveriesQuery, WebhookDelivery } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { deliveryColumns } from './webhook-view.ts';

export interface ListDeliveriesFlags {
  readonly endpoint?: string;
  readonly request?: string;
  readonly status?: WebhookDelivery['status'];
  readonly event?: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listDeliveries(
  context: CliContext,
  { all, endpoint, request, ...rest }: ListDeliveriesFlags,
): Promise<void> {
  const query: ListWebhookDeliveriesQuery = {
    ...rest,
    ...(endpoint === undefined ? {} : { endpoint_id: endpoint }),
    ...(request === undefined ? {} : { request_id: request }),
  };
  const fila = await context.sdk('client');
  await printPages<WebhookDelivery>(context.out, {
    columns: deliveryColumns(context.now()),
    getPage: (cursor) => fila.webhooks.deliveries.list({ ...query, cursor }).page(),
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: 'No such delivery. Try one:  fila webhooks test <id of a webhook>',
  });
}
