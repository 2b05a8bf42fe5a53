/** A moment in the past that an option names: "1h" is an hour ago. */
import { usageError } from '../output/error-text.ts';
import { parseDuration, parseMoment, rfc3339 } from '../output/units.ts';

export function momentOf(flag: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined;
  const duration = parseDuration(text);
  const momentMs = duration === undefined ? parseMoment(text) : nowMs - duration;
  const moment = momentMs === undefined ? undefined : rfc3339(momentMs);
  if (moment === undefined)
    throw usageError(`${flag} ${text} is neither a duration (1h, 2d) nor a time (2027-01-01T14:00Z)`);
  return moment;
}
