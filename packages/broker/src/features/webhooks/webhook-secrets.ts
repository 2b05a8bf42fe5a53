/** What of webhooks is sealed, and under which place: URLs and secrets of endpoints, bodies, excerpts of answers. */
import type { Vault } from '../../engines/vault/vault.ts';

/** Newest first. The first has no end. */
export type Secrets = readonly { readonly secret: string; readonly until: number | null }[];

type EndpointColumn = 'url' | 'secrets';

export function sealEndpoint(vault: Vault, id: string, column: EndpointColumn, value: string): Buffer {
  return vault.seal({ table: 'webhook_endpoints', row: id, column }, Buffer.from(value));
}

export async function openEndpoint(
  vault: Vault,
  id: string,
  column: EndpointColumn,
  sealed: Buffer,
): Promise<string> {
  return (await vault.open({ table: 'webhook_endpoints', row: id, column }, sealed)).toString('utf8');
}

export async function openSecrets(vault: Vault, id: string, sealed: Buffer): Promise<Secrets> {
  return JSON.parse(await openEndpoint(vault, id, 'secrets', sealed)) as Secrets;
}

/** Bound to the message rather than to the row: every redelivery of a message has the same bytes. */
export function sealBody(vault: Vault, messageId: string, body: Buffer): Buffer {
  return vault.seal({ table: 'webhook_deliveries', row: messageId, column: 'body' }, body);
}

export function openBody(vault: Vault, messageId: string, sealed: Buffer): Promise<Buffer> {
  return vault.open({ table: 'webhook_deliveries', row: messageId, column: 'body' }, sealed);
}

export function sealExcerpt(vault: Vault, deliveryId: string, excerpt: Buffer): Buffer {
  return vault.seal({ table: 'webhook_deliveries', row: deliveryId, column: 'excerpt' }, excerpt);
}

export async function openExcerpt(vault: Vault, deliveryId: string, sealed: Buffer): Promise<string> {
  const place = { table: 'webhook_deliveries', row: deliveryId, column: 'excerpt' };
  return (await vault.open(place, sealed)).toString('utf8');
}
