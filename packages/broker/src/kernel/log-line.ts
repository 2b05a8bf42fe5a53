/** What a line of the log is, seen by its first characters: it begins with {"level":"…, which saves parsing it. */

/** Of lines that are kept, the least important first. */
export const SEVERITIES = ['info', 'warning', 'error', 'critical', 'emergency'] as const;
export type Severity = (typeof SEVERITIES)[number];

const AT = '{"level":"'.length;
const BY_CODE = new Map(SEVERITIES.map((severity) => [severity.charCodeAt(0), severity]));
/** error and emergency begin alike. */
const E = 'e'.charCodeAt(0);
const M = 'm'.charCodeAt(0);
const R = 'r'.charCodeAt(0);

/** What is not known counts as info, and so does debug. */
export function severityOf(line: string): Severity {
  const code = line.charCodeAt(AT);
  if (code === E) {
    const second = line.charCodeAt(AT + 1);
    return second === M ? 'emergency' : second === R ? 'error' : 'info';
  }
  return BY_CODE.get(code) ?? 'info';
}
