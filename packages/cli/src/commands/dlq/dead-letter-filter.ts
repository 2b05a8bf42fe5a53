/** The conditions of dead letters: from options to the fields of the API. */
import type { DeadLetterFilter } from '@fila/sdk';
import { momentOf } from '../moment-of.ts';

export interface FilterFlags {
  readonly error?: string;
  readonly key?: string;
  readonly model?: string;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
}

/** Only what was asked for. */
export function filterOf(flags: FilterFlags, nowMs: number): DeadLetterFilter {
  const fields = {
    error_code: flags.error,
    key_id: flags.key,
    model: flags.model,
    created_after: momentOf('--since', flags.since, nowMs),
    created_before: momentOf('--until', flags.until, nowMs),
    text: flags.text,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
