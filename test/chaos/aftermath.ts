/** After the faults: waits until it is quiet, tries every broker, and gathers what is left for the checker. */
import { setTimeout as delay } from 'node:timers/promises';
import { Fila, FilaError, type RequestStatus } from '@fila/sdk';
import { inParallel } from '../helpers/in-parallel.ts';
import { type Chance } from './chance.ts';
import type { FinalState, Left } from './checker.ts';
import type { Cluster } from './cluster.ts';
import { type History, opsOf } from './history.ts';
import { seenOf } from './load.ts';

export interface Quiet {
  readonly quietMs: number;
  readonly hasWebhooks: boolean;
  readonly history: History;
}

export type ModelCounts = ReadonlyMap<string, { readonly calls: number; readonly completed: number }>;

const LOOK_EVERY_MS = 200;
const READERS = 16;
const CALL_TIMEOUT_MS = 4_000;

/**
 * Until every request has ended and every webhook came, or the time for it is over: then the checker will say what is
 * open. Resolves with the time that took.
 */
export async function untilQuiet(
  cluster: Cluster,
  { quietMs, hasWebhooks, history }: Quiet,
): Promise<number> {
  const beganMs = performance.now();
  const tookMs = (): number => performance.now() - beganMs;
  while (tookMs() < quietMs && (await isAnyOpen(cluster))) await delay(LOOK_EVERY_MS);
  while (hasWebhooks && tookMs() < quietMs && !(await isEveryoneTold(cluster, history)))
    await delay(LOOK_EVERY_MS);
  return tookMs();
}

async function isAnyOpen(cluster: Cluster): Promise<boolean> {
  const isListed = (status: RequestStatus) => async (fila: Fila) =>
    (await fila.requests.list({ status, limit: 1 }).page()).items.length > 0;
  try {
    for (const { apiKey } of cluster.keys)
      for (const status of ['pending', 'processing'] as const)
        if (await askAnyone(cluster, apiKey, isListed(status))) return true;
    return false;
  } catch (error) {
    // Where nobody answers it is not quiet either.
    if (error instanceof FilaError) return true;
    throw error;
  }
}

/** Asks one broker after the other until one answers. */
async function askAnyone<T>({ urls }: Cluster, apiKey: string, ask: (fila: Fila) => Promise<T>): Promise<T> {
  let last: unknown;
  for (const url of urls) {
    try {
      return await ask(new Fila({ url, apiKey, timeoutMs: CALL_TIMEOUT_MS, maxRetries: 2 }));
    } catch (error) {
      if (!(error instanceof FilaError)) throw error;
      last = error;
    }
  }
  throw last;
}

async function isEveryoneTold(cluster: Cluster, { events }: History): Promise<boolean> {
  const told = await givenUpWebhooks(cluster);
  for (const event of events) if (event.type === 'webhook') told.add(event.requestId);
  return opsOf(events).every(
    ({ intent, end }) => intent.f !== 'accept' || end?.type !== 'ok' || told.has(end.seen.id),
  );
}

/**
 * Sends each broker a request of its own, under a key that is not part of the run. Who does not answer it is told of,
 * and started anew so that the rest can be read.
 */
export async function findSilent(cluster: Cluster, quietMs: number): Promise<FinalState['silent']> {
  const { apiKey } = cluster.probeKey;
  const found = await Promise.all(
    cluster.brokers.map(async ({ name, kill, start }, index) => {
      const fila = new Fila({ url: cluster.urls[index]!, apiKey, timeoutMs: CALL_TIMEOUT_MS });
      const question = { prompt: `Are you there, ${name}?` };
      try {
        const { status } = await fila.requests.createAndWait(question, { timeoutMs: quietMs });
        return status === 'completed' ? [] : [{ broker: name, what: `its request ended ${status}` }];
      } catch (error) {
        await kill();
        await start();
        return [{ broker: name, what: (error as Error).message }];
      }
    }),
  );
  return found.flat();
}

/** Lists all there is, then reads each request once more, through any broker: so readers are compared with each other. */
export async function readAll(cluster: Cluster, history: History, chance: Chance): Promise<Left[]> {
  const left: Left[] = [];
  for (const { apiKey } of cluster.keys) {
    const own = await askAnyone(cluster, apiKey, async (fila) => {
      const all: Left[] = [];
      for await (const request of fila.requests.list({ limit: 100 })) {
        const n = (request.metadata as { n?: number } | null)?.n ?? null;
        const lane = `${apiKey.slice(-4)} ${request.model} ${request.priority}`;
        all.push({ ...seenOf(request), n, lane });
      }
      return all;
    });
    await inParallel(READERS, own, ({ id }) => lookAgain(id, { cluster, history, chance, apiKey }));
    left.push(...own);
  }
  return left;
}

interface Look {
  readonly cluster: Cluster;
  readonly history: History;
  readonly chance: Chance;
  readonly apiKey: string;
}

async function lookAgain(id: string, { cluster, history, chance, apiKey }: Look): Promise<void> {
  const broker = chance.whole(0, cluster.urls.length - 1);
  const fila = new Fila({ url: cluster.urls[broker]!, apiKey, maxRetries: 5, timeoutMs: CALL_TIMEOUT_MS });
  const operation = history.begin(`last look at broker${broker + 1}`, { f: 'read', id });
  await fila.requests.get(id).then(
    (request) => operation.ok(seenOf(request)),
    (error: FilaError) =>
      error.status === 404 ? operation.fail(404, error.code) : operation.info(error.code),
  );
}

/** The last fence of every request, as the database has it. */
export async function fencesOf(cluster: Cluster): Promise<Map<string, number>> {
  const rows = await cluster.query<{ id: string; fence: number }>('SELECT id, fence FROM requests');
  return new Map(rows.map(({ id, fence }) => [id, fence]));
}

/** Requests of which a webhook stands on the list of those that failed for good. */
export async function givenUpWebhooks(cluster: Cluster): Promise<Set<string>> {
  const failed = `SELECT request_id AS id FROM webhook_deliveries WHERE state = 'failed'`;
  return new Set((await cluster.query<{ id: string }>(failed)).map(({ id }) => id));
}

/** What the broker says of its own store. */
export async function inconsistencies(cluster: Cluster): Promise<string[]> {
  const { problems } = await cluster.admin().verify.check();
  return problems.map(({ rule, count, sample }) => `${rule}: ${count}, such as ${sample[0]}`);
}

/** Most callers at once, by upstream and model. */
export function peaksOf({ ollamas }: Cluster): FinalState['inFlight'] {
  return ollamas.flatMap((ollama, index) =>
    Object.entries(ollama.state().models).map(([model, { maxCallers }]) => ({
      of: `ollama${index + 1} ${model}`,
      peak: maxCallers,
    })),
  );
}

/** What the simulated servers counted, by prompt. */
export function modelCounts({ ollamas }: Cluster): ModelCounts {
  const all = new Map<string, { calls: number; completed: number }>();
  for (const ollama of ollamas)
    for (const [hash, { calls, completed }] of Object.entries(ollama.state().promptCalls)) {
      const known = all.get(hash) ?? { calls: 0, completed: 0 };
      all.set(hash, { calls: known.calls + calls, completed: known.completed + completed });
    }
  return all;
}
