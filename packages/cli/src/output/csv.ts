/** One line of CSV as RFC 4180 has it; control characters of a terminal are made visible. */
import { plainText } from './plain-text.ts';

export function csvLine(cells: readonly string[]): string {
  return cells.map(csvCell).join(',');
}

/** What a spreadsheet would take for a formula gets an apostrophe before it, as OWASP advises; numbers stay numbers. */
function csvCell(text: string): string {
  const plain = plainText(text);
  const isFormula = /^[=+\-@\t\r]/.test(plain) && !/^-?\d+(\.\d+)?$/.test(plain);
  const safe = isFormula ? `'${plain}` : plain;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
