/** One line of CSV as RFC 4180 has it; control characters of a terminal are made visible. */
import { plainText } from './plain-text.ts';

export function csvLine(cells: readonly string[]): string {
  return cells.map(csvCell).join(',');
}

function csvCell(text: string): string {
  const safe = plainText(text);
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
