/** Which requests should run at the same upstream: those of one session, whose conversation it may still have in memory. */
import { createHash } from 'node:crypto';

/** 4 bytes; null without a session. Two sessions that share them by chance only share an upstream. */
export function affinityOf(keyId: string, metadata: Record<string, unknown> | null): number | null {
  const session = metadata?.['session_id'];
  if (typeof session !== 'string' || session === '') return null;
  return createHash('sha256').update(`${keyId}\n${session}`).digest().readUInt32BE(0);
}
