/** The policy of a queue between the wire and the code, and the queue as an operator sees it. */
import type { QueueWork } from '../../engines/ledger/ledger.ts';
import type { CreateQueue, Queue, UpdateQueue } from '../../kernel/contract.generated.ts';
import type { QueuePolicy, StoredQueue } from './queue-store.ts';

const WIRE_NAMES = {
  concurrency: 'concurrency',
  maxAttempts: 'max_attempts',
  retryBaseMs: 'retry_base_ms',
  retryCapMs: 'retry_cap_ms',
  totalTimeoutMs: 'total_timeout_ms',
  maxPromptBytes: 'max_prompt_bytes',
  maxQueued: 'max_queued',
  fallbackModel: 'fallback_model',
  defaultPriority: 'default_priority',
} as const satisfies Readonly<Record<keyof QueuePolicy, keyof UpdateQueue>>;

const NAMES = Object.keys(WIRE_NAMES) as (keyof QueuePolicy)[];

/** All is as the daemon's settings say. */
export const NO_POLICY = Object.fromEntries(NAMES.map((name) => [name, null])) as unknown as QueuePolicy;

/** Counting what is in a queue stops here. */
export const COUNTS_UP_TO = 10_000;

/** Only what was named. */
export function policyFromWire(input: Omit<CreateQueue, 'name'> | UpdateQueue): Partial<QueuePolicy> {
  const given = NAMES.filter((name) => input[WIRE_NAMES[name]] !== undefined);
  return Object.fromEntries(given.map((name) => [name, input[WIRE_NAMES[name]]]));
}

export function queueOnWire(queue: StoredQueue, work: QueueWork, nowMs: number): Queue {
  const policy = Object.fromEntries(NAMES.map((name) => [WIRE_NAMES[name], queue[name]])) as Required<
    Omit<CreateQueue, 'name'>
  >;
  const counted = (count: number): number => Math.min(count, COUNTS_UP_TO);
  return {
    name: queue.name,
    state: queue.state,
    ...(policy as Pick<Queue, keyof typeof policy>),
    pending: counted(work.pending),
    delayed: counted(work.delayed),
    running: counted(work.processing),
    counts_up_to: COUNTS_UP_TO,
    oldest_wait_ms: work.oldestAt === null ? null : Math.max(0, nowMs - work.oldestAt),
    created_at: new Date(queue.createdAt).toISOString(),
  };
}
