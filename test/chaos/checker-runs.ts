/** Small runs, written by hand, for the tests of the checker. */
import { check, type FinalState, type Left, type Rules, type Settled } from './checker.ts';
import { type History, type Intent, recordHistory, type Seen } from './history.ts';

const RULES: Rules = {
  answerTo: (model, prompt) => `${model} says ${prompt}`,
  maxAttempts: 5,
  hasWebhooks: false,
};

export function seen(id: string, more: Partial<Seen> = {}): Seen {
  return { id, status: 'pending', text: null, errorCode: null, completedAt: null, attempts: 0, ...more };
}
export const completed = (id: string, n: number, more: Partial<Seen> = {}): Seen =>
  seen(id, { status: 'completed', text: `m says p${n}`, completedAt: 'T1', attempts: 1, ...more });
export const accept = (n: number, more: object = {}): Intent => ({
  ...{ f: 'accept', n, model: 'm', prompt: `p${n}`, isReceived: false },
  ...more,
});
export const read = (id: string): Intent => ({ f: 'read', id });
export const cancel = (id: string): Intent => ({ f: 'cancel', id });

/** A run with its own clock: one millisecond an event. */
export function run() {
  let now = 0;
  const history = recordHistory(() => (now += 1));
  const did = (intent: Intent, end: Seen) => history.begin('c1', intent).ok(end);
  return { history, did };
}

export interface End {
  requests: readonly Left[];
  settlements?: readonly Settled[];
  fences?: Record<string, number>;
  fallen?: readonly string[];
  silent?: FinalState['silent'];
  more?: Partial<FinalState>;
}
export const left = (n: number | null, one: Seen): Left => ({ ...one, n, lane: 'lane' });

export function judge(history: History, end: End, rules: Partial<Rules> = {}) {
  const final: FinalState = {
    requests: end.requests,
    settlements: end.settlements ?? [],
    fences: new Map(Object.entries(end.fences ?? {})),
    fallen: end.fallen ?? [],
    silent: end.silent ?? [],
    ...{ givenUp: new Set(), inFlight: [], inconsistent: [], complaints: [] },
    ...end.more,
  };
  return check(history.events, final, { ...RULES, ...rules });
}
export const names = (found: readonly { invariant: string }[]): string[] =>
  found.map(({ invariant }) => invariant);
