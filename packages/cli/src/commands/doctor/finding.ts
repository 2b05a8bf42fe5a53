/** What a check of the doctor found out. */
import { troubleOf } from '../../output/error-text.ts';

export interface Finding {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
  /** Of a failure: what to do, one sentence, and the command that does it or looks further. */
  readonly fix?: string;
  readonly command?: string;
}

/** A check that found more than one thing says so by more than one finding. */
export type Check = () => Promise<readonly Finding[]>;

export const passed = (name: string, detail: string): Finding => ({ name, status: 'passed', detail });

export const skipped = (name: string, detail: string): Finding => ({ name, status: 'skipped', detail });

export function failed(name: string, detail: string, [fix, command]: readonly [string, string]): Finding {
  return { name, status: 'failed', detail, fix, command };
}

/** No check ends the others: one that breaks has failed, one without its credentials is skipped. */
export async function outcomeOf(name: string, check: Check): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    const { code, what, why = [], next = [] } = troubleOf(error);
    if (code === 'no_credentials') return [skipped(name, what)];
    const [label, command] = next[0] ?? ['Look into its log', 'fila doctor -o json'];
    return [failed(name, [what, ...why].join('. '), [`${label}.`, command])];
  }
}
