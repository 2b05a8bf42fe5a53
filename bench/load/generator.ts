/** The process that makes the load: closed loops, open loops, and single requests followed to their end. */
import { setTimeout as delay } from 'node:timers/promises';
import { Histogram } from './histogram.ts';
import type { ClosedPlan, FollowPlan, LoadOrder, LoadResult, OpenPlan } from './load.ts';
import { RawConnection, type RawAnswer } from './raw-connection.ts';
import { requestWriter } from './request-plan.ts';

/** What one run notes; two histograms only where requests are followed. */
function newNotes(keepIds: boolean) {
  const first = new Histogram();
  const statuses: Record<string, number> = {};
  const ids: string[] = [];
  const startedMs = performance.now();
  let count = 0;
  return {
    first,
    /** `isCold`: it counts, and how long it took does not. */
    note(answer: RawAnswer, sinceMs: number, isCold = false): void {
      if (!isCold) first.record(performance.now() - sinceMs);
      count += 1;
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      if (keepIds) ids.push(idIn(answer));
    },
    result(end?: Histogram): LoadResult {
      const seconds = (performance.now() - startedMs) / 1000;
      const latency = first.summary();
      return {
        count,
        seconds,
        perSecond: count / seconds,
        latency,
        statuses,
        ids,
        end: end?.summary() ?? null,
      };
    },
  };
}

function idIn({ body }: RawAnswer): string {
  return /"id":"([^"]+)"/.exec(body)?.[1] ?? '';
}

function openAll(port: number, count: number): Promise<RawConnection[]> {
  return Promise.all(Array.from({ length: count }, () => RawConnection.open(port)));
}

/**
 * Every connection sends its next request when it has the answer to the last. Their first ones come all in one moment,
 * which says nothing of how long one takes in the loop.
 */
async function closed({
  requests,
  connections,
  count,
  durationMs,
  keepIds,
}: ClosedPlan): Promise<LoadResult> {
  const write = requestWriter(requests);
  const all = await openAll(requests.port, connections);
  const notes = newNotes(keepIds ?? false);
  const until = durationMs === undefined ? Infinity : performance.now() + durationMs;
  let next = requests.firstNumber ?? 0;
  const last = count === undefined ? Infinity : next + count;
  await Promise.all(
    all.map(async (connection) => {
      for (let isCold = true; next < last && performance.now() < until; isCold = false) {
        const text = write(next++);
        const sinceMs = performance.now();
        notes.note(await connection.ask(text), sinceMs, isCold);
      }
      connection.close();
    }),
  );
  return notes.result();
}

/**
 * Requests arrive at moments fixed beforehand, whatever became of those before, and a latency counts from the moment
 * of arrival: a server that stalls is charged for everybody who would have come meanwhile.
 */
async function open({ requests, connections, perSecond, count }: OpenPlan): Promise<LoadResult> {
  const write = requestWriter(requests);
  const idle = await openAll(requests.port, connections);
  const waiting: (() => void)[] = [];
  const notes = newNotes(false);
  const startedMs = performance.now();
  const first = requests.firstNumber ?? 0;

  async function one(number: number): Promise<void> {
    const dueMs = startedMs + ((number - first) * 1000) / perSecond;
    if (idle.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    const connection = idle.pop()!;
    notes.note(await connection.ask(write(number)), dueMs);
    idle.push(connection);
    waiting.shift()?.();
  }

  const running: Promise<void>[] = [];
  for (let sent = 0; sent < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - startedMs) * perSecond) / 1000) + 1);
    while (sent < due) running.push(one(first + sent++));
    const nextMs = startedMs + (sent * 1000) / perSecond - performance.now();
    if (nextMs > 0) await delay(nextMs);
  }
  await Promise.all(running);
  idle.forEach((connection) => connection.close());
  return notes.result();
}

/** One after the other: sent, then asked after every millisecond until it has ended. */
async function follow({ requests, count, pauseMs }: FollowPlan): Promise<LoadResult> {
  const write = requestWriter(requests);
  const [connection] = await openAll(requests.port, 1);
  const notes = newNotes(true);
  const end = new Histogram();
  const first = requests.firstNumber ?? 0;
  for (let number = first; number < first + count; number++) {
    const sinceMs = performance.now();
    const answer = await connection!.ask(write(number));
    notes.note(answer, sinceMs);
    const { keys, port, headers } = requests;
    const look = requestWriter({
      ...{ port, headers, method: 'GET', path: `${requests.path}/${idIn(answer)}` },
      keys: keys && [keys[number % keys.length]!],
    })(0);
    let body = '';
    while (!body.includes('"status":"completed"')) {
      ({ body } = await connection!.ask(look));
      if (!body.includes('"status":"completed"')) await delay(1);
    }
    end.record(performance.now() - sinceMs);
    if (pauseMs > 0) await delay(pauseMs);
  }
  connection!.close();
  return notes.result(end);
}

const DOERS = {
  closed: (order: LoadOrder) => closed(order.plan as ClosedPlan),
  open: (order: LoadOrder) => open(order.plan as OpenPlan),
  follow: (order: LoadOrder) => follow(order.plan as FollowPlan),
};

process.on('message', (order: LoadOrder) => {
  DOERS[order.kind](order).then(
    (result) => process.send!({ number: order.number, result }),
    (error: unknown) => process.send!({ number: order.number, problem: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send!({ number: 0 });
