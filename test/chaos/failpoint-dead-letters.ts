/** Dead letters that an operator tries again while a broker fails: each has to become one new request, and only one. */
import { setTimeout as delay } from 'node:timers/promises';
import { Fila, FilaError, type Request } from '@fila/sdk';
import type { Cluster } from './cluster.ts';

const COUNT = 6;
/** A second: they take some steps. */
const RATE = 5;
const ENDS_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 100;

/** Requests under a key that is not part of the load. */
const clientOf = ({ urls, probeKey }: Cluster): Fila => new Fila({ url: urls[0]!, apiKey: probeKey.apiKey });
const adminOf = ({ urls, brokers }: Cluster): Fila =>
  new Fila({ url: urls[0]!, adminToken: brokers[0]!.adminToken() });

/** Makes requests fail for good. */
export async function failSome(cluster: Cluster): Promise<void> {
  const client = clientOf(cluster);
  for (const ollama of cluster.ollamas) ollama.control({ faults: { all: 'error_400_context' } });
  const made = await Promise.all(
    Array.from({ length: COUNT }, (_, n) => client.requests.create({ prompt: `Dead letter ${n}` })),
  );
  await Promise.all(made.map(({ id }) => client.requests.wait(id).catch(() => undefined)));
  for (const ollama of cluster.ollamas) ollama.control({ faults: { all: null } });
}

/** An operator who gets no answer: what was begun goes on, and what was not is begun again at the end. */
export async function retryAll(cluster: Cluster): Promise<void> {
  try {
    await adminOf(cluster).deadLetters.retryMany({ filter: { all: true }, rate: RATE });
  } catch (error) {
    if (!(error instanceof FilaError)) throw error;
  }
}

export async function notRetriedOnce(cluster: Cluster): Promise<string[]> {
  const admin = adminOf(cluster);
  const { items } = await admin.operations.list().page();
  if (items.length === 0) await retryAll(cluster);
  const operations = (await admin.operations.list().page()).items;
  for (const { id } of operations) await admin.operations.wait(id, { timeoutMs: ENDS_WITHIN_MS });
  const all = await allEnded(clientOf(cluster));
  const dead = all.filter(({ status }) => status === 'failed');
  const retries = all.filter(({ retry_of }) => retry_of !== null);
  const wrong = dead.flatMap(({ id }) => {
    const count = retries.filter(({ retry_of }) => retry_of === id).length;
    return count === 1 ? [] : [`the dead letter ${id} was tried again ${count} times`];
  });
  const lost = retries.filter(({ status }) => status !== 'completed');
  return [
    ...wrong,
    ...lost.map(({ id, status }) => `${id}, a dead letter tried again, is ${status}`),
    ...(dead.length === COUNT ? [] : [`there are ${dead.length} dead letters instead of ${COUNT}`]),
  ];
}

async function allEnded(client: Fila): Promise<Request[]> {
  for (const giveUpAt = performance.now() + ENDS_WITHIN_MS; ; await delay(LOOK_EVERY_MS)) {
    const all: Request[] = [];
    for await (const request of client.requests.list({ limit: 100 })) all.push(request);
    const isOver = all.every(({ status }) => status !== 'pending' && status !== 'processing');
    if (isOver || performance.now() > giveUpAt) return all;
  }
}
