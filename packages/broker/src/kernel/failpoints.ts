/** Named places in the daemon where a test can make it crash, fail, wait or do something twice; inert unless armed. */

/** Every place and what is true there. A test run arms each of them once; one that nobody can reach is a defect. */
export const FAILPOINTS = {
  'accept.before_insert': 'The request is checked and has an id; nothing is stored.',
  'accept.after_insert': 'The request is on the disk; neither its lane nor the client has heard of it.',
  'accept.before_activate': 'The lane of a stored request is about to be made active.',
  'accept.after_activate': 'The lane is active; the client may have no answer yet.',
  'http.before_answer': 'An answer of the API, no failure of ours, is complete and not sent.',
  'authenticate.lookup': 'A key is looked for in the database.',
  'cancel.before_write': 'A cancel was asked for; the row is unchanged.',
  'cancel.after_write': 'The row is cancelled; the running call was not told.',
  'wait.before_look': 'A waiting call is about to look at its row again.',
  'ledger.before_flush': 'Operations are grouped; no statement was sent.',
  'ledger.before_commit':
    'All statements of a flush in SQLite, or of a sweep, ran in a transaction that is still open.',
  'ledger.after_commit':
    'A flush is committed; nobody was told. Twice only with MySQL: a packet may be sent again.',
  'ledger.resend': 'A packet whose end was not heard is about to be sent a second time.',
  'ledger.read_group': 'A group of rows is about to be read.',
  'lanes.activate': 'Lanes are about to be marked active.',
  'lanes.between_mark_and_token': 'A lane is marked in Redis and has no token yet.',
  'lanes.next': 'Tokens are about to be taken.',
  'lanes.give_back': 'Tokens are about to be given back.',
  'lanes.before_retire': 'Empty lanes are about to be taken off the line.',
  'lanes.after_retire': 'Empty lanes are off the line; their rows were not looked at again.',
  'dispatch.before_claim': 'Tokens are held; nothing is claimed.',
  'dispatch.after_claim': 'Rows are claimed in the database; none was started.',
  'job.before_unseal': 'A claimed request is about to be decrypted.',
  'job.before_call': 'The request is open; the model was not called.',
  'upstream.after_dispatch': 'The call is on its way to the model.',
  'upstream.first_token': 'The first piece of an answer arrived.',
  'upstream.after_answer': 'The answer is complete in memory.',
  'upstream.probe': 'An upstream is about to be probed.',
  'settle.before_seal': 'The outcome is known; the result is not encrypted.',
  'settle.before_write': 'The settlement is decided and not written.',
  'settle.after_write': 'The settlement is on the disk; waiting calls were not woken.',
  'settle.retry': 'A settlement that was kept is about to be written again.',
  'lease.before_renew': 'Leases are about to be renewed.',
  'lease.after_renew': 'Leases are renewed; what was lost still runs.',
  'sweep.earlier_runs': 'What earlier runs held is about to be given back.',
  'sweep.wake': 'Due and late rows were read; none is changed.',
  'sweep.rescue': 'Rows of the dead were read; none is given back.',
  'sweep.activate': 'Lanes with work were found; none is activated.',
  'start.after_migrate': 'The schema is up to date; nothing runs.',
  'stop.before_hand_back': 'The grace is over; running requests are about to be handed back.',
  'spool.before_append': 'The database takes no outcome; it is not in the file.',
  'spool.after_append': 'An outcome is in the file; nobody waits for its writing yet.',
  'spool.before_replay': 'Outcomes are in the file; none of them is written to the database again.',
  'spool.before_empty': 'All kept outcomes are in the database; the file still holds them.',
  'dead_letters.after_retry_insert': 'A dead letter is a new request; its lane is not active.',
  'operations.before_save': 'Steps of an operation are done; its progress is not noted.',
  'webhook.before_make': 'Deliveries are about to be made that go into the commit of an end.',
  'webhook.before_fan_out':
    'Deliveries are made of events; neither is the outbox shorter nor a delivery stored.',
  'webhook.claim': 'Deliveries are claimed, or were born so; none was sent.',
  'webhook.before_send': 'A webhook is signed and not sent.',
  'webhook.after_send': 'The receiver answered; nothing is marked.',
  'webhook.before_mark': 'What came of attempts is about to be written.',
} as const;

export type FailpointName = keyof typeof FAILPOINTS;

/** Where `duplicate` makes the daemon do its work twice; anywhere else it does nothing. */
export const DUPLICABLE = [
  'accept.before_activate',
  'ledger.after_commit',
  'lanes.activate',
  'lanes.give_back',
  'lanes.before_retire',
  'dispatch.before_claim',
  'settle.after_write',
  'settle.retry',
  'lease.before_renew',
  'sweep.earlier_runs',
  'sweep.wake',
  'sweep.rescue',
  'sweep.activate',
  'spool.before_append',
  'webhook.before_fan_out',
  'webhook.before_send',
  'webhook.before_mark',
] as const satisfies readonly FailpointName[];

type Twice<Name> = Name extends (typeof DUPLICABLE)[number] ? 'duplicate' | undefined : undefined;

type Action =
  | { readonly kind: 'crash' }
  | { readonly kind: 'error' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'duplicate' };

interface Armed {
  readonly action: Action;
  /** Fires at this hit only; absent: at every hit. */
  readonly onlyAtHit: number | undefined;
  hits: number;
}

export class FailpointError extends Error {
  override readonly name = 'FailpointError';
}

/** Hears of a point before anything happens there. */
export type OnFired = (fired: { readonly failpoint: FailpointName; readonly action: string }) => void;

let armed: Map<FailpointName, Armed[]> | null = null;
let onFired: OnFired = () => {};
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * `ledger.after_commit:crash@3;settle.before_write:delay(50)`: a point, what happens there, and at which hit (every one
 * unless given). Replaces what was armed before and counts from zero; '' disarms. Throws, with nothing changed, when
 * the text is not right. The actions: crash (SIGKILL), error, delay(ms), duplicate.
 */
export function armFailpoints(spec: string, tell: OnFired = () => {}): void {
  const problems = problemsOfFailpoints(spec);
  if (problems.length > 0) throw new Error(`Failpoints: ${problems.join('; ')}.`);
  const next = new Map<FailpointName, Armed[]>();
  for (const part of partsOf(spec)) {
    if ('problem' in part) continue;
    next.set(part.name, [...(next.get(part.name) ?? []), part.armed]);
  }
  armed = next.size > 0 ? next : null;
  onFired = tell;
}

/** All that is wrong with the text; nothing is armed. */
export function problemsOfFailpoints(spec: string): string[] {
  return partsOf(spec).flatMap((part) => ('problem' in part ? [part.problem] : []));
}

/**
 * Nothing to wait for unless armed: `await failpoint('…')` where a turn of the microtask queue does not matter,
 * `const held = failpoint('…'); if (held) await held;` where it does. Rejects for `error`; resolves with 'duplicate'
 * where the caller can do its work twice and should.
 */
export function failpoint<Name extends FailpointName>(name: Name): Promise<Twice<Name>> | undefined {
  return armed === null ? undefined : (hit(name) as Promise<Twice<Name>>);
}

/** The same where nothing can be awaited: `delay` blocks the event loop, `error` throws. */
export function failpointSync(name: FailpointName): void {
  const action = armed === null ? undefined : fired(name);
  if (action) perform(name, action);
}

/** Where the caller can do its work twice: 'duplicate' tells it to. Everything else happens as in failpointSync. */
export function failpointAction(name: (typeof DUPLICABLE)[number]): 'duplicate' | undefined {
  const action = armed === null ? undefined : fired(name);
  if (!action) return undefined;
  perform(name, action);
  return action.kind === 'duplicate' ? 'duplicate' : undefined;
}

async function hit(name: FailpointName): Promise<'duplicate' | undefined> {
  const action = fired(name);
  if (action?.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, action.delayMs));
  else if (action) perform(name, action);
  return action?.kind === 'duplicate' ? 'duplicate' : undefined;
}

function perform(name: FailpointName, action: Action): void {
  // To oneself the signal is delivered before the call returns: nothing after this line runs.
  if (action.kind === 'crash') process.kill(process.pid, 'SIGKILL');
  if (action.kind === 'error') throw new FailpointError(`The failpoint ${name} fired.`);
  if (action.kind === 'delay') Atomics.wait(sleeper, 0, 0, action.delayMs);
}

/** Every entry of the point counts the hit; the first that is due decides. */
function fired(name: FailpointName): Action | undefined {
  let due: Action | undefined;
  for (const entry of armed?.get(name) ?? []) {
    entry.hits += 1;
    if (entry.onlyAtHit === undefined || entry.onlyAtHit === entry.hits) due ??= entry.action;
  }
  if (due) onFired({ failpoint: name, action: due.kind });
  return due;
}

type Part = { readonly name: FailpointName; readonly armed: Armed } | { readonly problem: string };

function partsOf(spec: string): Part[] {
  const parts = spec.split(';').map((part) => part.trim());
  return parts.filter((part) => part !== '').map(parsePart);
}

function parsePart(part: string): Part {
  const [, name = '', what = '', delay, nth] =
    /^([^:]*):([a-z]+)(?:\((\d{1,7})\))?(?:@([1-9]\d{0,8}))?$/.exec(part) ?? [];
  if (what === '') return { problem: `"${part}" is not point:action or point:action@hit` };
  if (!Object.hasOwn(FAILPOINTS, name)) return { problem: `there is no point "${name}"` };
  const action = actionOf(what, delay);
  if (!action) return { problem: `"${part}" has none of the actions crash, error, delay(ms) and duplicate` };
  const onlyAtHit = nth === undefined ? undefined : Number(nth);
  return { name: name as FailpointName, armed: { action, onlyAtHit, hits: 0 } };
}

function actionOf(what: string, delay: string | undefined): Action | undefined {
  if (what === 'delay') return delay === undefined ? undefined : { kind: 'delay', delayMs: Number(delay) };
  if (delay !== undefined) return undefined;
  return what === 'crash' || what === 'error' || what === 'duplicate' ? { kind: what } : undefined;
}
