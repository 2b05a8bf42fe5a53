/** What is known of one row, as names and values: from the row itself, and for a dead letter from the broker. */
import type { Fila } from '@fila/sdk';
import { rowsOf } from '../state/select.ts';
import { TABLES } from '../state/tables.ts';
import type { TopState, ViewName } from '../state/top-state.ts';

type Lines = readonly (readonly [string, string])[];

export async function detailOf(fila: Fila, state: TopState, view: ViewName, id: string): Promise<Lines> {
  const row = rowsOf(state, view).items.find((item) => TABLES[view].id(item) === id);
  if (view !== 'dead') return linesOf(row);
  try {
    const { history, ...letter } = await fila.deadLetters.get(id);
    const attempts = history.map((attempt, index) => [`attempt ${index + 1}`, shown(attempt)] as const);
    return [...linesOf({ ...letter, metadata: null }), ...attempts];
  } catch (error) {
    return [...linesOf(row), ['error', error instanceof Error ? error.message : String(error)]];
  }
}

/** Everything that has a value, in the words of the API. */
export function linesOf(row: unknown): Lines {
  if (typeof row !== 'object' || row === null) return [];
  return Object.entries(row)
    .map(([name, value]) => [name, shown(value)] as const)
    .filter(([, text]) => text !== '');
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(shown).join(', ');
  if (typeof value === 'object')
    return linesOf(value)
      .map(([name, text]) => `${name}: ${text}`)
      .join('  ');
  return String(value);
}
