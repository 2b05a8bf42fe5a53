/** The failpoint matrix: every point × every action × both sets of engines, and why some of them cannot be. */
import { DUPLICABLE, FAILPOINTS, type FailpointName } from '../../packages/broker/src/kernel/failpoints.ts';
import { type CircumstanceName, LEASE_MS } from './failpoint-circumstances.ts';

export const ENGINES = ['embedded', 'shared'] as const;
export type EngineSet = (typeof ENGINES)[number];

/** `error` once, `errors` and `delay` every time until the load is over, `stall` once and beyond a lease. */
export const ACTIONS = ['crash', 'error', 'errors', 'delay', 'stall', 'duplicate'] as const;
export type CellAction = (typeof ACTIONS)[number];

/** One broker that fails somewhere under load. */
export interface Trial {
  readonly name: string;
  readonly engines: EngineSet;
  /** What FILA_FAILPOINTS is set to. */
  readonly armed: string;
  /** Each has to fire, or the trial proves nothing. */
  readonly points: readonly FailpointName[];
  readonly circumstance: CircumstanceName;
  /** The daemon ends of it, once. */
  readonly isFall: boolean;
  /** It fires again and again until somebody ends that life of the daemon. */
  readonly isLasting: boolean;
}

/** A trial of one point. */
export interface Cell extends Trial {
  readonly point: FailpointName;
  readonly action: CellAction;
}

/** A cell that proves nothing, with the reason. */
export interface NoCell extends Pick<Cell, 'point' | 'action' | 'engines'> {
  readonly why: string;
}

interface PointPlan {
  /** In the middle of work: the 3rd time unless given. */
  readonly hit?: number;
  readonly circumstance?: CircumstanceName;
  /** Armed as well, so that the point is reached at all. */
  readonly also?: string;
  /** Work is held here that others take over when it takes too long. */
  readonly isStalled?: true;
  /** It is reached once in a life: every time would be once. */
  readonly isOnce?: true;
  /** Why it is not reached. */
  readonly not?: string;
  /** Why it does nothing twice here although it does elsewhere. */
  readonly notTwice?: string;
}

type PerEngines = PointPlan & Partial<Record<EngineSet, PointPlan>>;

const NOT_WITHOUT_REDIS = 'lanes are kept in memory: there is no mark beside a token';
const NOT_ALONE = 'one broker is alone: there is nobody whom a lane could be given back for';
const NOT_WITHOUT_NETWORK = 'the database is a file of this process: no packet is sent';
const IN_LINE = 'requests wait in line';
const LONG_CALLS = 'calls are longer than the time to renew a lease';

/** An outcome that cannot be written: the database is away, or, where it cannot be, refuses. */
const KEPT: PerEngines = {
  hit: 1,
  embedded: { also: 'settle.before_write:error@2;settle.before_write:error@4' },
  shared: { circumstance: 'the database is away while calls end' },
};

/** A point that is not listed is a type error: what nobody arms proves nothing. */
export const POINTS: Record<FailpointName, PerEngines> = {
  'accept.before_insert': {},
  'accept.after_insert': {},
  'accept.before_activate': { hit: 1, shared: { circumstance: IN_LINE } },
  'accept.after_activate': { hit: 1, shared: { circumstance: IN_LINE } },
  'http.before_answer': { hit: 8 },
  'authenticate.lookup': { hit: 1 },
  'cancel.before_write': { hit: 1 },
  'cancel.after_write': { hit: 1 },
  'wait.before_look': {},
  'ledger.before_flush': { hit: 6, isStalled: true },
  'ledger.before_commit': {
    embedded: { hit: 6, isStalled: true },
    // Of a sweep that gives back.
    shared: { hit: 1, isStalled: true, circumstance: 'it is killed with work in its hands' },
  },
  'ledger.after_commit': {
    ...{ hit: 6, isStalled: true },
    embedded: { notTwice: NOT_WITHOUT_NETWORK },
  },
  'ledger.resend': {
    ...{ hit: 1, circumstance: 'the connection to the database breaks in the middle of packets' },
    embedded: { not: NOT_WITHOUT_NETWORK },
  },
  'ledger.read_group': {},
  // A broker that is alone comes to the line only for what the sweep has found.
  'lanes.activate': { hit: 1, shared: { circumstance: IN_LINE } },
  'lanes.between_mark_and_token': {
    ...{ hit: 1, circumstance: IN_LINE },
    embedded: { not: NOT_WITHOUT_REDIS },
  },
  'lanes.next': { hit: 1, shared: { circumstance: IN_LINE } },
  'lanes.give_back': { hit: 1, circumstance: 'slots are rare', embedded: { not: NOT_ALONE } },
  'lanes.before_retire': { hit: 1, shared: { circumstance: IN_LINE } },
  'lanes.after_retire': { hit: 1, shared: { circumstance: IN_LINE } },
  'dispatch.before_claim': { hit: 1, shared: { circumstance: IN_LINE } },
  'dispatch.after_claim': { hit: 1, isStalled: true, shared: { circumstance: IN_LINE } },
  'job.before_unseal': {},
  'job.before_call': { isStalled: true },
  'upstream.after_dispatch': {},
  'upstream.first_token': { isStalled: true },
  'upstream.after_answer': {},
  'upstream.probe': {},
  'settle.before_seal': {},
  'settle.before_write': { isStalled: true },
  'settle.after_write': {},
  'settle.retry': KEPT,
  'spool.before_append': KEPT,
  'spool.after_append': KEPT,
  'spool.before_replay': KEPT,
  'spool.before_empty': KEPT,
  'lease.before_renew': { isStalled: true, circumstance: LONG_CALLS },
  'lease.after_renew': { circumstance: LONG_CALLS },
  'sweep.earlier_runs': { hit: 1, isOnce: true, circumstance: 'it is killed with work in its hands' },
  'sweep.wake': { hit: 2 },
  'sweep.rescue': {
    embedded: { hit: 1, circumstance: 'it is killed with work in its hands' },
    shared: { hit: 4, circumstance: 'another broker is killed with work in its hands' },
  },
  'sweep.activate': { hit: 2 },
  'start.after_migrate': { hit: 1, isOnce: true },
  'stop.before_hand_back': {
    ...{ hit: 1, isOnce: true, circumstance: 'it is told to stop in the middle of calls' },
  },
  'dead_letters.after_retry_insert': { hit: 2, circumstance: 'dead letters are tried again' },
  'operations.before_save': { hit: 2, circumstance: 'dead letters are tried again' },
  'webhook.before_make': { hit: 1 },
  'webhook.before_fan_out': KEPT,
  'webhook.claim': { hit: 1 },
  'webhook.before_send': { hit: 1 },
  'webhook.after_send': { hit: 1 },
  'webhook.before_mark': { hit: 1 },
};

const DELAY_MS = 300;
/** Of every other time. */
const SHORT_DELAY_MS = 30;
const STALL_MS = 2 * LEASE_MS + 1_000;

type Place = Pick<Cell, 'point' | 'action' | 'engines'>;

/** In the order of the points. */
export function allCells(): { cells: Cell[]; notCells: NoCell[] } {
  const cells: Cell[] = [];
  const notCells: NoCell[] = [];
  for (const point of Object.keys(FAILPOINTS) as FailpointName[])
    for (const engines of ENGINES)
      for (const action of ACTIONS) {
        const place = { point, action, engines };
        const plan = { ...POINTS[point], ...POINTS[point][engines] };
        const why = whyNot(place, plan);
        if (why) notCells.push({ ...place, why });
        else cells.push(cellOf(place, plan));
      }
  return { cells, notCells };
}

function cellOf(place: Place, plan: PointPlan): Cell {
  const { point, action } = place;
  return {
    ...{ ...place, name: `${point} ${action} ${place.engines}`, points: [point] },
    ...{ armed: armedWith(place, plan), circumstance: plan.circumstance ?? 'work goes on' },
    // A start that fails is an end, too.
    isFall: action === 'crash' || (action === 'error' && point === 'start.after_migrate'),
    isLasting: action === 'errors' || action === 'delay' || action === 'duplicate',
  };
}

function whyNot(
  { point, action }: Place,
  { not, notTwice, isStalled, isOnce }: PointPlan,
): string | undefined {
  const canBeTwice = (DUPLICABLE as readonly FailpointName[]).includes(point);
  if (not) return not;
  if (action === 'stall' && !isStalled) return 'nothing is held there that others could take over';
  if (action === 'duplicate' && !canBeTwice) return 'there is nothing there to do twice';
  if (action === 'duplicate' && notTwice) return notTwice;
  if (action === 'errors' && isOnce) return 'it is reached once in a life';
  return undefined;
}

function armedWith({ point, action }: Place, { hit = 3, isOnce, also }: PointPlan): string {
  const actions: Record<CellAction, string> = {
    crash: `${point}:crash@${hit}`,
    error: `${point}:error@${hit}`,
    errors: `${point}:error`,
    delay: `${point}:delay(${DELAY_MS})@${hit}${isOnce ? '' : `;${point}:delay(${SHORT_DELAY_MS})`}`,
    stall: `${point}:delay(${STALL_MS})@${hit}`,
    duplicate: `${point}:duplicate`,
  };
  return also ? `${also};${actions[action]}` : actions[action];
}

/** What runs one cell again. */
export function commandOf({ point, action, engines }: Place): string {
  return `node test/chaos/failpoint-matrix.ts --point ${point} --action ${action} --engines ${engines}`;
}
