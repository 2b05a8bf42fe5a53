/** The failpoint matrix: every point × every action × both sets of engines, and why some of them cannot be. */
import { FAILPOINTS, type FailpointName } from '../../packages/broker/src/kernel/failpoints.ts';
import { type CircumstanceName, LEASE_MS } from './failpoint-circumstances.ts';

export const ENGINES = ['embedded', 'shared'] as const;
export type EngineSet = (typeof ENGINES)[number];

/** `error` once, `errors` and `delay` every time until the load is over, `stall` once and beyond a lease. */
export const ACTIONS = ['crash', 'error', 'errors', 'delay', 'stall', 'duplicate'] as const;
export type CellAction = (typeof ACTIONS)[number];

export interface Cell {
  readonly point: FailpointName;
  readonly action: CellAction;
  readonly engines: EngineSet;
  /** What FILA_FAILPOINTS is set to. */
  readonly armed: string;
  readonly circumstance: CircumstanceName;
}

/** A cell that proves nothing, with the reason. */
export interface NoCell extends Pick<Cell, 'point' | 'action' | 'engines'> {
  readonly why: string;
}

interface PointPlan {
  /** In the middle of work: the 3rd time unless given. */
  readonly hit?: number;
  readonly circumstance?: CircumstanceName;
  /** Work is held here that others take over when it takes too long. */
  readonly isStalled?: true;
  readonly duplicates?: true;
  /** It is reached once in a life: every time would be once. */
  readonly isOnce?: true;
  readonly not?: Partial<Record<EngineSet, string>>;
}

const NOT_WITHOUT_REDIS = 'lanes are kept in memory: there is no mark beside a token';
const NOT_WITHOUT_NETWORK = 'the database is a file of this process: it is never away';
const ALONE = 'one broker: its dead are those of earlier runs';

/** A point that is not listed is a type error: what nobody arms proves nothing. */
export const POINTS: Record<FailpointName, PointPlan> = {
  'accept.before_insert': {},
  'accept.after_insert': {},
  'accept.before_activate': {},
  'accept.after_activate': {},
  'http.before_answer': { hit: 8 },
  'authenticate.lookup': { hit: 1 },
  'cancel.before_write': { hit: 2 },
  'cancel.after_write': { hit: 2 },
  'wait.before_look': {},
  'ledger.before_flush': { hit: 6, isStalled: true },
  'ledger.before_commit': { hit: 6, isStalled: true },
  'ledger.after_commit': { hit: 6, isStalled: true },
  'ledger.resend': {
    ...{ hit: 1, circumstance: 'the connection to the database breaks in the middle of packets' },
    not: { embedded: NOT_WITHOUT_NETWORK },
  },
  'ledger.read_group': {},
  'lanes.activate': {},
  'lanes.between_mark_and_token': { not: { embedded: NOT_WITHOUT_REDIS } },
  'lanes.next': {},
  'lanes.give_back': { hit: 2 },
  'lanes.before_retire': {},
  'lanes.after_retire': {},
  'dispatch.before_claim': {},
  'dispatch.after_claim': { isStalled: true },
  'job.before_unseal': { isStalled: true },
  'job.before_call': { isStalled: true },
  'upstream.after_dispatch': { isStalled: true },
  'upstream.first_token': { isStalled: true },
  'upstream.after_answer': { isStalled: true },
  'upstream.probe': {},
  'settle.before_seal': { isStalled: true },
  'settle.before_write': { isStalled: true },
  'settle.after_write': { isStalled: true },
  'settle.retry': {
    ...{ hit: 2, circumstance: 'the database is away while calls end' },
    not: { embedded: NOT_WITHOUT_NETWORK },
  },
  'lease.before_renew': {
    isStalled: true,
    circumstance: 'calls are longer than the time to renew a lease',
  },
  'lease.after_renew': { isStalled: true, circumstance: 'calls are longer than the time to renew a lease' },
  'sweep.earlier_runs': { hit: 1, isOnce: true, circumstance: 'it is killed with work in its hands' },
  'sweep.wake': { hit: 2 },
  'sweep.rescue': {
    ...{ hit: 1, circumstance: 'another broker is killed with work in its hands' },
    not: { embedded: ALONE },
  },
  'sweep.activate': { hit: 2 },
  'start.after_migrate': { hit: 1, isOnce: true },
  'stop.before_hand_back': {
    ...{ hit: 1, isOnce: true, circumstance: 'it is told to stop in the middle of calls' },
  },
};

const DELAY_MS = 300;
/** Of every other time. */
const SHORT_DELAY_MS = 30;
const STALL_MS = 2 * LEASE_MS + 1_000;

/** In the order of the points. */
export function allCells(): { cells: Cell[]; notCells: NoCell[] } {
  const cells: Cell[] = [];
  const notCells: NoCell[] = [];
  for (const point of Object.keys(FAILPOINTS) as FailpointName[])
    for (const engines of ENGINES)
      for (const action of ACTIONS) {
        const why = whyNot({ point, action, engines });
        const { circumstance = 'work goes on' } = POINTS[point];
        if (why) notCells.push({ point, action, engines, why });
        else cells.push({ point, action, engines, armed: armedWith(point, action), circumstance });
      }
  return { cells, notCells };
}

function whyNot({ point, action, engines }: Pick<Cell, 'point' | 'action' | 'engines'>): string | undefined {
  const { not, isStalled, duplicates, isOnce } = POINTS[point];
  if (not?.[engines]) return not[engines];
  if (action === 'stall' && !isStalled) return 'nothing is held there that others could take over';
  if (action === 'duplicate' && !duplicates) return 'there is nothing there to do twice';
  if (action === 'errors' && isOnce) return 'it is reached once in a life';
  return undefined;
}

function armedWith(point: FailpointName, action: CellAction): string {
  const { hit = 3, isOnce } = POINTS[point];
  const actions: Record<CellAction, string> = {
    crash: `${point}:crash@${hit}`,
    error: `${point}:error@${hit}`,
    errors: `${point}:error`,
    delay: `${point}:delay(${DELAY_MS})@${hit}${isOnce ? '' : `;${point}:delay(${SHORT_DELAY_MS})`}`,
    stall: `${point}:delay(${STALL_MS})@${hit}`,
    duplicate: `${point}:duplicate`,
  };
  return actions[action];
}

/** `settle.before_write crash shared` */
export function nameOf({ point, action, engines }: Pick<Cell, 'point' | 'action' | 'engines'>): string {
  return `${point} ${action} ${engines}`;
}

/** What runs one cell again. */
export function commandOf({ point, action, engines }: Pick<Cell, 'point' | 'action' | 'engines'>): string {
  return `node test/chaos/failpoint-matrix.ts --point ${point} --action ${action} --engines ${engines}`;
}
