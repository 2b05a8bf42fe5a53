/** `fila webhooks deliveries`. */
import type { WebhookDelivery } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { deliveryColumns } from './webhook-view.ts';

export interface ListDeliveriesFlags {
  readonly status?: WebhookDelivery['status'];
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listDeliveries(
  context: CliContext,
  id: string,
  { all, ...query }: ListDeliveriesFlags,
): Promise<void> {
  const fila = await context.sdk('client');
  await printPages<WebhookDelivery>(context.out, {
    columns: deliveryColumns(context.now()),
    getPage: (cursor) => fila.webhooks.deliveries(id, { ...query, cursor }).page(),
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: `Nothing was delivered. Try it:  fila webhooks test ${id}`,
  });
}
