/** A moment to come that an option names: "90d" is in 90 days. */
import { usageError } from '../output/error-text.ts';
import { parseDuration, parseMoment, rfc3339 } from '../output/units.ts';

export function momentToCome(flag: string, text: string, nowMs: number): string {
  const duration = parseDuration(text);
  const momentMs = duration === undefined ? parseMoment(text) : nowMs + duration;
  const moment = momentMs === undefined ? undefined : rfc3339(momentMs);
  if (moment === undefined)
    throw usageError(`${flag} ${text} is neither a duration (365d, 12h) nor a date (2027-01-01)`);
  if (momentMs! <= nowMs) throw usageError(`${flag} ${text} is in the past`);
  return moment;
}
