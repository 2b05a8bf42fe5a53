/** Times, durations and counts: from what people type, and to what people read. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS: Readonly<Record<string, number>> = {
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  w: 7 * DAY,
};

/** "90s", "30m", "12h", "365d" or "2w" in milliseconds. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9})(s|m|h|d|w)$/.exec(text) ?? [];
  return digits && unit ? Number(digits) * UNITS[unit]! : undefined;
}

/** A day (2027-01-01, its start in UTC) or a time with its zone (2027-01-01T14:00Z), in milliseconds since 1970. */
export function parseMoment(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined;
  const moment = Date.parse(text);
  // Date.parse turns the 31st of a short month into the 1st of the next.
  const isRealDay = new Date(`${text.slice(0, 10)}T00:00Z`).toJSON()?.startsWith(text.slice(0, 10));
  return Number.isNaN(moment) || !isRealDay ? undefined : moment;
}

/** RFC 3339 in UTC; undefined when the number is no date that can be written so. */
export function rfc3339(momentMs: number): string | undefined {
  const date = new Date(momentMs);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 ? undefined : date.toISOString();
}

/** "12s ago", "in 5d". Whole units, rounded down. */
export function relativeTime(iso: string, nowMs: number): string {
  const distanceMs = Date.parse(iso) - nowMs;
  if (Number.isNaN(distanceMs)) return iso;
  const size = coarse(Math.abs(distanceMs));
  if (size === '0s') return 'now';
  return distanceMs > 0 ? `in ${size}` : `${size} ago`;
}

/** "12s", "5m", "3h", "4d": whole units, rounded down. */
export function coarse(durationMs: number): string {
  if (durationMs >= 2 * DAY) return `${Math.floor(durationMs / DAY)}d`;
  if (durationMs >= HOUR) return `${Math.floor(durationMs / HOUR)}h`;
  if (durationMs >= MINUTE) return `${Math.floor(durationMs / MINUTE)}m`;
  return `${Math.floor(durationMs / SECOND)}s`;
}

/** "840ms", "1.2s", "3m 05s". */
export function shortDuration(durationMs: number): string {
  if (durationMs < SECOND) return `${Math.round(durationMs)}ms`;
  if (durationMs < MINUTE) return `${(durationMs / SECOND).toFixed(1)}s`;
  const seconds = Math.round(durationMs / SECOND);
  return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s`;
}
