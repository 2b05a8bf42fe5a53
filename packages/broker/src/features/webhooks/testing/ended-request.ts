/** A request as webhooks hear of it, for tests. */
import { newId } from '../../../kernel/ids.ts';
import type { RequestSummary } from '../../requests/requests.ts';

/** What is told of a request, its callback by the URL alone. */
export type Told = Partial<Omit<RequestSummary, 'callback'>> & { readonly callbackUrl?: string };

export function endedRequest({ callbackUrl, ...part }: Told = {}): RequestSummary {
  return {
    ...{ keyId: newId('key'), status: 'completed', model: 'llama3:8b', attempts: 1, errorCode: null },
    ...{ createdAt: 1_799_999_990_000, completedAt: 1_800_000_000_000, metadata: null },
    callback:
      callbackUrl === undefined ? null : { url: callbackUrl, sealed: turned(Buffer.from(callbackUrl)) },
    ...part,
  };
}

/** The room of requests seals callbacks; here it is enough that they cannot be read as they stand. */
export async function openCallback(_requestId: string, sealed: Buffer): Promise<string> {
  return String(turned(sealed));
}

function turned(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ 0x55));
}
