/** Jobs on a real ledger whose calls end when the test says so. */
import type { ClaimedRow, Ledger, RequestRow, Settlement } from '../../../engines/ledger/ledger.ts';
import { newId } from '../../../kernel/ids.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import type { QueuePolicy } from '../../queues/queues.ts';
import type { EndedFacts } from '../../requests/requests.ts';
import type { CallOutcome } from '../../upstreams/upstreams.ts';
import { Jobs, type Job, type JobsDeps } from '../jobs.ts';
import { openBench } from './bench.ts';

export const OWNER = newId('run');
const TIMERS = { connectMs: 1_000, firstTokenMs: 1_000, gapMs: 1_000, totalMs: 60_000 };
export const ANSWER: CallOutcome = {
  ...{ kind: 'answered', text: 'Hello', finishReason: 'stop', promptTokens: 1, completionTokens: 2 },
  durations: { totalMs: 0, loadMs: 0, promptMs: 0, evalMs: 0, hiddenQueueMs: 0 },
};
export const FAILURE: CallOutcome = {
  ...{ kind: 'failed', code: 'upstream_failed', message: 'It broke.', retryable: true, phase: 'stream' },
};

interface Call {
  readonly job: Job;
  end(outcome: CallOutcome): void;
  break(error: Error): void;
}

/** Jobs whose calls end when the test says so; an aborted call ends as cancelled, as Ollama's do. */
export async function openJobs(
  settle?: (real: Ledger['settle']) => Ledger['settle'],
  more: Partial<JobsDeps> = {},
) {
  const { ledger, insert, lane } = await openBench();
  const calls: Call[] = [];
  const told = {
    ended: [] as string[],
    facts: [] as (EndedFacts | undefined)[],
    delayed: [] as number[],
    errors: [] as string[],
  };
  const slots = { taken: 0 };
  /** Ids of those that a call waits for. */
  const awaited = new Set<string>();
  const policies: Record<string, Partial<QueuePolicy>> = {};
  const execute = (job: Job): Promise<CallOutcome> =>
    new Promise((end, fail) => {
      job.signal.addEventListener('abort', () => end({ kind: 'cancelled' }));
      calls.push({ job, end, break: fail });
    });
  const kept: { settlement: Settlement; resolve(written: boolean | null): void }[] = [];
  let isLetGo = false;
  const spool: JobsDeps['spool'] = {
    keep: (settlement) =>
      new Promise((resolve) => {
        kept.push({ settlement, resolve });
        if (isLetGo) resolve(null);
      }),
    letGo: () => {
      isLetGo = true;
      for (const { resolve } of kept) resolve(null);
    },
  };
  const jobs = new Jobs({
    spool,
    ledger: settle ? { ...ledger, settle: settle(ledger.settle) } : ledger,
    requests: {
      sealResult: (_id, { text }) => Buffer.from(text),
      sealError: (_id, { code }) => Buffer.from(code),
      awaits: (id) => awaited.has(id),
      ended: (id, facts) => {
        told.ended.push(id);
        told.facts.push(facts);
      },
    },
    ...{ execute, clock: { now: () => Date.now() }, owner: OWNER, timers: TIMERS },
    policy: { maxAttempts: 3, baseMs: 1_000, capMs: 30_000 },
    policyOf: (queue) => ({ fallbackModel: null, ...policies[queue] }) as QueuePolicy,
    random: () => 0.5,
    onDelayed: (delayMs) => void told.delayed.push(delayMs),
    logger: { ...silentLogger, error: (_fields, message) => void told.errors.push(message) },
    ...more,
  });

  async function claim(deadlineAt: number | null = null): Promise<ClaimedRow> {
    await insert({});
    const laneId = await ledger.lanes.idOf(lane({}));
    const [row] = await ledger.claim({ laneId, limit: 1, owner: OWNER, leaseMs: 30_000 });
    return { ...row!, deadlineAt };
  }

  function start(row: ClaimedRow, model?: string): void {
    let isReleased = false;
    const release = (): void => {
      if (!isReleased) slots.taken -= 1;
      isReleased = true;
    };
    slots.taken += 1;
    jobs.start(row, lane({ model }), { upstream: 'gpu:11434', run: async () => ANSWER, release });
  }

  const found = (row: ClaimedRow): Promise<RequestRow | null> => ledger.find(row.id);
  /** Resolves when nothing runs any more. */
  const over = (): Promise<void> => jobs.stopAll(60_000);
  return { policies, ledger, lane, jobs, calls, awaited, told, slots, kept, claim, start, found, over };
}
