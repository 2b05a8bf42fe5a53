/** Performs an act and leaves its row: both in one transaction, or a row before and a row after. */
import { FilaError } from '../../kernel/errors.ts';
import { changedNames, digestOfState } from './audit-row.ts';
import type { Act, ActCall, AuditDeps } from './audit.ts';
import type { Entry, TrailWriter } from './trail-writer.ts';

/** Nothing is done when no row can be written. Rejects as `work` does. */
export type Perform = <T>(act: Act, call: ActCall, work: () => Promise<T>) => Promise<T>;

type PerformDeps = Pick<AuditDeps, 'logger'> & { readonly writer: TrailWriter };

export function createPerform({ writer, logger }: PerformDeps): Perform {
  const writeAlone = (entry: Entry): Promise<number> => writer.inTurn(() => writer.write(entry));

  /** What has happened has happened: that its row could not be written is a matter for the log. */
  async function tryToWrite(entry: Entry): Promise<void> {
    try {
      await writeAlone(entry);
    } catch (error) {
      const { act, target, outcome, requestId } = entry;
      const what = { act, target: target.id, outcome, http: requestId };
      logger.error({ err: error, ...what }, 'the outcome of an act could not be written to the audit trail');
    }
  }

  async function asOneTransaction<T>(act: Act, call: ActCall, work: () => Promise<T>): Promise<T> {
    try {
      return await writer.inTurn(async () => {
        const before = await stateOf(act, call);
        const answer = await work();
        await writer.write({
          ...entryOf(act, call, answer),
          ...(await change(act, call, { before, answer })),
        });
        return answer;
      });
    } catch (error) {
      // It was rolled back. That it was tried is worth a row only where there was something to say no to.
      if (error instanceof FilaError) await tryToWrite({ ...entryOf(act, call), ...failureOf(error) });
      throw error;
    }
  }

  async function noted<T>(act: Act, call: ActCall, work: () => Promise<T>): Promise<T> {
    const before = await stateOf(act, call);
    const intention = { ...entryOf(act, call), outcome: 'intended', before: digest(before) } as const;
    const of = await writeAlone(intention);
    let answer: T;
    try {
      answer = await work();
    } catch (error) {
      await tryToWrite({ ...intention, of, ...failureOf(error) });
      throw error;
    }
    const came = await change(act, call, { before, answer }).catch(() => ({ before: digest(before) }));
    await tryToWrite({ ...entryOf(act, call, answer), of, ...came });
    return answer;
  }

  return async (act, call, work) => {
    if (act.isMeant?.(call.body) === false) return work();
    return act.isOneTransaction ? asOneTransaction(act, call, work) : noted(act, call, work);
  };
}

function entryOf(act: Act, call: ActCall, answer?: unknown): Entry {
  const { actor, ip, requestId, reason } = call;
  const target = { kind: act.kind, id: targetOf(act, call, answer) };
  return { actor, act: act.name, target, outcome: 'done', reason, ip, requestId };
}

function targetOf(act: Act, { params, body }: ActCall, answer: unknown): string | null {
  const { id, name } = (answer ?? {}) as { id?: unknown; name?: unknown };
  const known = act.idOf ? act.idOf({ body, answer }) : (params.id ?? params.name ?? id ?? name);
  return typeof known === 'string' ? known : null;
}

/** Null when there is no such thing. */
async function stateOf(act: Act, call: ActCall, answer?: unknown): Promise<unknown> {
  const id = targetOf(act, call, answer);
  if (!act.state || id === null) return null;
  try {
    return await act.state(id, call.actor);
  } catch (error) {
    if (error instanceof FilaError && error.code === 'not_found') return null;
    throw error;
  }
}

async function change(act: Act, call: ActCall, { before, answer }: { before: unknown; answer: unknown }) {
  const after = await stateOf(act, call, answer);
  return { before: digest(before), after: digest(after), changed: changedNames(before, after) };
}

function digest(state: unknown): string | null {
  return state === null ? null : digestOfState(state);
}

function failureOf(error: unknown): Pick<Entry, 'outcome' | 'code'> {
  if (!(error instanceof FilaError)) return { outcome: 'failed', code: 'internal_error' };
  return { outcome: error.status < 500 ? 'refused' : 'failed', code: error.code };
}
