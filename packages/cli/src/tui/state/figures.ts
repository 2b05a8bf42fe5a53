/** Numbers as a table has room for them. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Four characters or five: "0.8s", "41s", "3m12", "6h02", "12d". */
export function spanOf(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (ms < 0) return '0s';
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m${two((ms % MINUTE) / SECOND)}`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h${two((ms % HOUR) / MINUTE)}`;
  return ms < 10 * DAY ? `${Math.floor(ms / DAY)}d${two((ms % DAY) / HOUR)}h` : `${Math.floor(ms / DAY)}d`;
}

/** Since a time of the broker, by our clock: a clock that is behind shows no time at all, never a negative one. */
export function sinceOf(iso: string | null, now: number): string {
  const ms = iso === null ? Number.NaN : now - Date.parse(iso);
  return Number.isNaN(ms) ? '-' : spanOf(Math.max(0, ms));
}

/** The time of day here, to the millisecond. */
export function clockOf(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return '-';
  return `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** "7", "1,204", "98.3k", "1.2M". */
export function countOf(value: number): string {
  if (value < 10_000) return String(Math.round(value)).replace(/(?=\d{3}$)(?<=\d)/, ',');
  if (value < 999_500) return `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(value < 99_950_000 ? 1 : 0)}M`;
}

/** "0.0", "12.4", "130". */
export function rateOf(value: number): string {
  return Math.abs(value) < 100 ? value.toFixed(1) : countOf(value);
}

export function signedRateOf(value: number): string {
  const shown = rateOf(Math.abs(value));
  if (Number(shown) === 0) return '0.0';
  return `${value < 0 ? '-' : '+'}${shown}`;
}

export function bytesOf(bytes: number): string {
  return bytes < 1024 ** 3 ? `${Math.round(bytes / 1024 ** 2)}M` : `${(bytes / 1024 ** 3).toFixed(1)}G`;
}

/** So many values that there is one for each column, the newest last: sums of neighbours when there are too many. */
export function resampled(values: readonly number[], width: number): number[] {
  if (width <= 0) return [];
  const each = Math.max(1, Math.ceil(values.length / width));
  const found: number[] = [];
  for (let end = values.length; end > 0; end -= each)
    found.unshift(values.slice(Math.max(0, end - each), end).reduce((sum, one) => sum + one, 0));
  return found;
}

/** One character a value, from the lowest of `levels` for nothing to the highest for the most there is. */
export function sparkline(values: readonly number[], levels: string): string {
  const most = Math.max(0, ...values);
  const marks = [...levels];
  return values
    .map((value) => {
      if (most === 0 || value <= 0) return marks[0]!;
      return marks[Math.max(1, Math.round((value / most) * (marks.length - 1)))]!;
    })
    .join('');
}
