/** When something is to end, as --expires says it: "90d" is in 90 days. */
import { usageError } from '../output/error-text.ts';
import { parseDuration, parseMoment, rfc3339 } from '../output/units.ts';

export function expiry(text: string, nowMs: number): string {
  const duration = parseDuration(text);
  const momentMs = duration === undefined ? parseMoment(text) : nowMs + duration;
  const expiresAt = momentMs === undefined ? undefined : rfc3339(momentMs);
  if (expiresAt === undefined)
    throw usageError(`--expires ${text} is neither a duration (365d, 12h) nor a date (2027-01-01)`);
  if (momentMs! <= nowMs) throw usageError(`--expires ${text} is in the past`);
  return expiresAt;
}
