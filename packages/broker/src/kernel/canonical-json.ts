/** JSON in the one form that RFC 8785 gives to each value, so that what is the same has the same hash. */

/** Throws for what JSON cannot hold: numbers that are not finite, halves of a surrogate pair, undefined, functions. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return canonicalText(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no form in JSON.`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`A ${typeof value} has no form in JSON.`);
  const fields = value as Record<string, unknown>;
  // The order of UTF-16 code units is what the RFC asks for, and what sort() does.
  const members = Object.keys(fields)
    .filter((name) => fields[name] !== undefined)
    .sort()
    .map((name) => `${canonicalText(name)}:${canonicalJson(fields[name])}`);
  return `{${members.join(',')}}`;
}

function canonicalText(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('Half of a surrogate pair has no form in JSON.');
  return JSON.stringify(text);
}
