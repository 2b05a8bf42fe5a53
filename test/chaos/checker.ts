/** Judges a run: a pure function from what was seen and what is left to the promises that were broken, by name. */
import { type HistoryEvent, type Op, opsOf, type Seen, TERMINAL } from './history.ts';

/** What must hold in every run. */
export const INVARIANTS = {
  I1: 'Every accepted request is there and ends.',
  I2: 'What has ended never changes: no reader ever sees another state or another result.',
  I3: 'A completed request holds what the model answers to its prompt.',
  I4: 'A claim is settled once, and only under the last fence; no more attempts than allowed.',
  I5: 'A request with a receiver has a webhook that was received, signed, under one id.',
  I6: 'The same idempotency key is the same request, and nothing else is.',
  I7: 'A cancelled request was asked to be cancelled and shows no result.',
  I8: 'Where one slot serves a lane, requests complete in the order in which they were accepted.',
  I10: 'No model has more calls under way at one upstream than it has slots.',
  I12: 'What the broker stores fits together, by its own verification.',
  S1: 'Nothing comes from nowhere: a call makes one request at most, a refused call none.',
  S2: 'A call that is right is not refused.',
  S3: 'A broker ends only when it is told to.',
  S4: 'When the faults are over, every broker takes a request and answers it.',
  S5: 'What this fault in particular must not break holds.',
} as const;
export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
  readonly id?: string;
}

/** A request as it is after the run. */
export interface Left extends Seen {
  /** From its metadata; null when it carries none. */
  readonly n: number | null;
  /** Those of one lane are served in turn: same client, model and priority. */
  readonly lane: string;
}

/** A settlement as a broker's log tells it. */
export interface Settled {
  readonly id: string;
  readonly fence: number;
  readonly to: string;
  readonly isWritten: boolean;
  readonly broker: string;
}

export interface FinalState {
  readonly requests: readonly Left[];
  readonly settlements: readonly Settled[];
  /** The last fence of each id, from the database. */
  readonly fences: ReadonlyMap<string, number>;
  /** Brokers that were to run and did not. */
  readonly fallen: readonly string[];
  /** Brokers that answered nobody after the faults, with what they did instead. */
  readonly silent: readonly { readonly broker: string; readonly what: string }[];
  /** Requests whose webhook was given up and stands on the list of the failed. */
  readonly givenUp: ReadonlySet<string>;
  /** Most callers at once, by upstream and model. */
  readonly inFlight: readonly { readonly of: string; readonly peak: number }[];
  /** What the broker's verification found. */
  readonly inconsistent: readonly string[];
  /** What the scenario itself had to complain of. */
  readonly complaints: readonly string[];
}

export interface Rules {
  readonly answerTo: (model: string, prompt: string) => string;
  readonly maxAttempts: number;
  /** Whether webhooks are part of the run. */
  readonly hasWebhooks: boolean;
  /** Whether one slot serves all. */
  readonly isInOrder?: boolean;
  /** Calls of one model at one upstream; absent where ends of connections are withheld, for then nobody can know. */
  readonly maxInFlight?: number;
}

type Accept = Extract<Op['intent'], { f: 'accept' }>;

/** The run, sorted for the checks. */
interface Run {
  readonly ops: readonly Op[];
  readonly events: readonly HistoryEvent[];
  readonly final: FinalState;
  readonly rules: Rules;
  readonly left: ReadonlyMap<string, Left>;
  readonly accepts: readonly (Op & { intent: Accept })[];
  readonly asked: ReadonlyMap<number, Accept>;
}

type Check = (run: Run) => Violation[];

export function check(events: readonly HistoryEvent[], final: FinalState, rules: Rules): Violation[] {
  const ops = opsOf(events);
  const accepts = ops.filter((op): op is Op & { intent: Accept } => op.intent.f === 'accept');
  const asked = new Map(accepts.map(({ intent }) => [intent.n, intent]));
  const left = new Map(final.requests.map((request) => [request.id, request]));
  const run: Run = { ops, events, final, rules, left, accepts, asked };
  return CHECKS.flatMap((one) => one(run));
}

const kept: Check = ({ accepts, ops, left, final }) => {
  const lost = accepts.flatMap(({ end, intent }) => {
    if (end?.type !== 'ok' || left.has(end.seen.id)) return [];
    return [{ invariant: 'I1' as const, id: end.seen.id, what: `accepted as ${intent.n}, and gone` }];
  });
  const hidden = ops.flatMap(({ intent, end }) =>
    intent.f === 'read' && end?.type === 'fail' && end.status === 404
      ? [
          {
            invariant: 'I1' as const,
            id: intent.id,
            what: 'accepted, and a reader was told it does not exist',
          },
        ]
      : [],
  );
  const open = final.requests
    .filter(({ status }) => !TERMINAL.has(status))
    .map(({ id, status }) => ({ invariant: 'I1' as const, id, what: `still ${status} at the end` }));
  return [...lost, ...hidden, ...open];
};

interface Sight {
  readonly seen: Seen;
  readonly fromMs: number;
  readonly toMs: number;
}

const ended: Check = ({ ops, final }) => {
  const sights = new Map<string, Sight[]>();
  const add = (sight: Sight): void => {
    const known = sights.get(sight.seen.id);
    if (known) known.push(sight);
    else sights.set(sight.seen.id, [sight]);
  };
  for (const { end, fromMs, toMs } of ops) if (end?.type === 'ok') add({ seen: end.seen, fromMs, toMs });
  for (const seen of final.requests) add({ seen, fromMs: Infinity, toMs: Infinity });
  const closed = new Map<string, number>();
  for (const { intent, end, toMs } of ops)
    if (intent.f === 'cancel' && end?.type === 'fail' && end.status === 409)
      closed.set(intent.id, Math.min(toMs, closed.get(intent.id) ?? Infinity));
  return [...sights].flatMap(([id, all]) => changesOf(id, all, closed.get(id) ?? Infinity));
};

/** `closedMs`: when somebody was told that it cannot be cancelled any more. */
function changesOf(id: string, sights: readonly Sight[], closedMs: number): Violation[] {
  const ends = sights.filter(({ seen }) => TERMINAL.has(seen.status));
  const faces = new Map(ends.map(({ seen }) => [faceOf(seen), seen]));
  const found: Violation[] = [];
  if (faces.size > 1)
    found.push({
      invariant: 'I2',
      id,
      what: `ended in ${faces.size} ways: ${[...faces.keys()].join(' / ')}`,
    });
  const endedMs = Math.min(closedMs, ...ends.map(({ toMs }) => toMs));
  const back = sights.find(({ seen, fromMs }) => !TERMINAL.has(seen.status) && fromMs > endedMs);
  if (back)
    found.push({ invariant: 'I2', id, what: `had ended, and was seen ${back.seen.status} afterwards` });
  return found;
}

function faceOf({ status, text, errorCode, completedAt, attempts }: Seen): string {
  const result = text === null ? '-' : `"${text.slice(0, 24)}…" (${text.length})`;
  return [status, result, errorCode ?? '-', completedAt ?? '-', attempts].join(' ');
}

const answers: Check = ({ ops, final, left, asked, rules }) => {
  const seen = [...ops.flatMap(({ end }) => (end?.type === 'ok' ? [end.seen] : [])), ...final.requests];
  const wrong = new Set<string>();
  for (const { id, status, text } of seen) {
    const intent = asked.get(left.get(id)?.n ?? -1);
    if (status !== 'completed' || !intent || wrong.has(id)) continue;
    if (text !== rules.answerTo(intent.model, intent.prompt)) wrong.add(id);
  }
  return [...wrong].map((id) => ({ invariant: 'I3', id, what: 'completed with another answer' }));
};

const fences: Check = ({ final, rules }) => {
  const found: Violation[] = [];
  const add = (id: string, what: string): void => void found.push({ invariant: 'I4', id, what });
  const claims = new Set<string>();
  const ends = new Map<string, Settled>();
  for (const one of final.settlements) {
    const claim = `${one.id} ${one.fence}`;
    if (claims.has(claim)) add(one.id, `fence ${one.fence} was worked on twice`);
    claims.add(claim);
    if (!one.isWritten || !TERMINAL.has(one.to)) continue;
    const last = final.fences.get(one.id);
    if (last !== undefined && last !== one.fence)
      add(one.id, `${one.broker} ended it under fence ${one.fence}, the last is ${last}`);
    const other = ends.get(one.id);
    if (other) add(one.id, `ended by ${other.broker} and again by ${one.broker}`);
    ends.set(one.id, one);
  }
  for (const { id, attempts } of final.requests)
    if (attempts > rules.maxAttempts) add(id, `${attempts} attempts`);
  return found;
};

const webhooks: Check = ({ events, left, asked, rules, final }) => {
  if (!rules.hasWebhooks) return [];
  const found: Violation[] = [];
  const add = (id: string, what: string): void => void found.push({ invariant: 'I5', id, what });
  const received = new Map<string, Set<string>>();
  for (const event of events) {
    if (event.type !== 'webhook') continue;
    if (!event.isSigned) add(event.requestId, `the signature of ${event.messageId} is not valid`);
    else received.set(event.requestId, (received.get(event.requestId) ?? new Set()).add(event.messageId));
  }
  for (const { id, n, status } of left.values()) {
    if (!asked.get(n ?? -1)?.isReceived || !TERMINAL.has(status)) continue;
    const ids = received.get(id)?.size ?? 0;
    if (ids === 0 && !final.givenUp.has(id)) add(id, 'ended, and no webhook was received');
    if (ids > 1) add(id, `its webhook came under ${ids} ids`);
  }
  for (const id of received.keys())
    if (!TERMINAL.has(left.get(id)?.status ?? '')) add(id, 'a webhook told of an end that is not there');
  return found;
};

const keys: Check = ({ accepts }) => {
  const found: Violation[] = [];
  const idsOfKey = new Map<string, Set<string>>();
  const keysOfId = new Map<string, Set<string>>();
  const into = (map: Map<string, Set<string>>, name: string, value: string): void =>
    void map.set(name, (map.get(name) ?? new Set()).add(value));
  for (const { intent, end, op } of accepts) {
    if (end?.type !== 'ok') continue;
    // Without a key, every call stands for itself.
    into(keysOfId, end.seen.id, intent.idempotencyKey ?? `call ${op}`);
    if (intent.idempotencyKey) into(idsOfKey, intent.idempotencyKey, end.seen.id);
  }
  for (const [key, ids] of idsOfKey)
    if (ids.size > 1) found.push({ invariant: 'I6', what: `${key} gave ${[...ids].join(' and ')}` });
  for (const [id, names] of keysOfId)
    if (names.size > 1) found.push({ invariant: 'I6', id, what: `given to ${[...names].join(' and ')}` });
  return found;
};

const cancels: Check = ({ ops, final }) => {
  const askedFor = new Set(ops.flatMap(({ intent }) => (intent.f === 'cancel' ? [intent.id] : [])));
  const seen = [...ops.flatMap(({ end }) => (end?.type === 'ok' ? [end.seen] : [])), ...final.requests];
  const found = new Map<string, string>();
  for (const { id, status, text } of seen) {
    if (status !== 'cancelled') continue;
    if (text !== null) found.set(id, 'cancelled, and shows a result');
    else if (!askedFor.has(id)) found.set(id, 'cancelled, and nobody asked for it');
  }
  return [...found].map(([id, what]) => ({ invariant: 'I7', id, what }));
};

const origins: Check = ({ accepts, final, asked }) => {
  const found: Violation[] = [];
  const byNumber = Map.groupBy(final.requests, ({ n }) => n);
  const refused = Map.groupBy(accepts, ({ intent }) => intent.n);
  for (const [n, requests] of byNumber) {
    const calls = n === null ? undefined : refused.get(n);
    const { id } = requests[0]!;
    if (n === null || !calls) {
      found.push({ invariant: 'S1', id, what: 'nobody sent it' });
      continue;
    }
    const most = asked.get(n)!.idempotencyKey ? 1 : calls.length;
    if (requests.length > most)
      found.push({
        invariant: 'S1',
        id,
        what: `${requests.length} requests of ${calls.length} calls as ${n}`,
      });
    if (calls.every(({ end }) => end?.type === 'fail'))
      found.push({ invariant: 'S1', id, what: `refused as ${n}, and there all the same` });
  }
  return found;
};

/** 409 to a cancel says that it came too late; 404 to a read is I1's. */
const refusals: Check = ({ ops }) =>
  ops.flatMap(({ intent, end, client }) => {
    if (end?.type !== 'fail') return [];
    if (intent.f === 'cancel' && end.status === 409) return [];
    if (intent.f === 'read' && end.status === 404) return [];
    const id = intent.f === 'accept' ? {} : { id: intent.id };
    return [{ invariant: 'S2' as const, ...id, what: `${intent.f} by ${client}: ${end.status} ${end.why}` }];
  });

const falls: Check = ({ final }) =>
  final.fallen.map((name) => ({ invariant: 'S3', what: `${name} is gone; its last words are in its log` }));

const silences: Check = ({ final }) =>
  final.silent.map(({ broker, what }) => ({ invariant: 'S4', what: `${broker}: ${what}` }));

/** Of two whose calls did not overlap it is known which came first; one that had to wait for a retry lost its place. */
const order: Check = ({ accepts, left, rules, final }) => {
  if (!rules.isInOrder) return [];
  const late = new Set(final.settlements.flatMap(({ id, to }) => (to === 'delayed' ? [id] : [])));
  // A call may be repeated: the first may have made the request, and the first answer proves it.
  const calls = Map.groupBy(accepts, ({ intent }) => intent.n);
  const known = [...left.values()].flatMap((request) => {
    const own = calls.get(request.n ?? -1) ?? [];
    if (request.status !== 'completed' || late.has(request.id)) return [];
    const fromMs = Math.min(...own.map((call) => call.fromMs));
    const toMs = Math.min(...own.flatMap(({ end, toMs }) => (end?.type === 'ok' ? [toMs] : [])));
    return [{ id: request.id, lane: request.lane, fromMs, toMs, doneAt: Date.parse(request.completedAt!) }];
  });
  return [...Map.groupBy(known, ({ lane }) => lane).values()].flatMap((lane) =>
    lane.flatMap(({ id, fromMs, doneAt }) => {
      const first = lane.find((one) => one.toMs < fromMs && one.doneAt > doneAt);
      return first ? [{ invariant: 'I8' as const, id, what: `completed before ${first.id}` }] : [];
    }),
  );
};

const crowds: Check = ({ final, rules: { maxInFlight = Infinity } }) =>
  final.inFlight
    .filter(({ peak }) => peak > maxInFlight)
    .map(({ of, peak }) => ({ invariant: 'I10', what: `${peak} calls of ${of}, ${maxInFlight} allowed` }));

const consistent: Check = ({ final }) => final.inconsistent.map((what) => ({ invariant: 'I12', what }));

const complaints: Check = ({ final }) => final.complaints.map((what) => ({ invariant: 'S5', what }));

const CHECKS: readonly Check[] = [
  ...[kept, ended, answers, fences, webhooks, keys, cancels, order, crowds, consistent],
  ...[origins, refusals, falls, silences, complaints],
];
