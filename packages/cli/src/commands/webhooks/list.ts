/** `fila webhooks list`. */
import type { Webhook } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { printPages } from '../print-pages.ts';
import { webhookColumns } from './webhook-view.ts';

export interface ListWebhooksFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export async function listWebhooks(context: CliContext, { all, ...query }: ListWebhooksFlags): Promise<void> {
  const fila = await context.sdk('client');
  await printPages<Webhook>(context.out, {
    columns: webhookColumns(context.now()),
    getPage: (cursor) => fila.webhooks.list({ ...query, cursor }).page(),
    cursor: query.cursor,
    isAll: all === true,
    whenEmpty: 'No webhooks. Make one:  fila webhooks create https://shop.example/hooks/fila',
  });
}
