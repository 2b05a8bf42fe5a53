/** What some faults need beside steps of the nemesis: clients and operators of a certain kind, who tell what went wrong. */
import { setTimeout as delay } from 'node:timers/promises';
import { Fila, FilaError, type Request } from '@fila/sdk';
import { bringUp } from './action.ts';
import type { BrokerNode } from './broker-node.ts';
import type { Cluster } from './cluster.ts';
import type { Stage } from './scenario.ts';

const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 20;

function probeClient({ urls, probeKey }: Cluster, more: object = {}): Fila {
  return new Fila({ url: urls[0]!, apiKey: probeKey.apiKey, maxRetries: 20, timeoutMs: 4_000, ...more });
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const over = Date.now() + PATIENCE_MS; !(await isSo()); await delay(LOOK_EVERY_MS))
    if (Date.now() > over) throw new Error(`Never came: ${what}`);
}

const quoted = (id: string): string => `'${id.replaceAll(/[^\w]/g, '')}'`;

interface Lease {
  readonly fence: number;
  readonly state: number;
  readonly lease_until: number;
}
const DELAYED = 7;
const PROCESSING = 8;
const MOST_KILLS = 6;
/** Several times what a healthy call takes. */
const BESIDE_MS = 1_000;
/** Longer than two renewals of a lease are apart. */
const RENEWED_MS = 1_500;

/** One request whose worker dies three times, and it alone, becomes a dead letter. */
export async function poison({ cluster }: Stage): Promise<string[]> {
  const fila = probeClient(cluster);
  const { id } = await fila.requests.create({ prompt: 'A deadly one [[fault:hang_headers]]', priority: 9 });
  const lease = async (): Promise<Lease> => {
    const sql = `SELECT fence, state, lease_until FROM requests WHERE id = ${quoted(id)}`;
    return (await cluster.query<Lease>(sql))[0]!;
  };
  const isOver = ({ state }: Lease): boolean => state < DELAYED;
  // A broker that merely loses its lease on a busy machine is a death as well.
  for (let kills = 0, fence = 0; kills < MOST_KILLS; kills++) {
    await until('a worker for the poison', async () => {
      const now = await lease();
      return isOver(now) || (now.state === PROCESSING && now.fence > fence);
    });
    // Those that run beside it have time to end: they are not to be there each time it kills.
    await delay(BESIDE_MS);
    if (isOver(await lease())) break;
    ({ fence } = await lease());
    const dead = await killHolder(cluster, lease);
    // Somebody else has to notice, if there is somebody else.
    if (dead && cluster.brokers.length > 1)
      await until('another worker', async () => {
        const now = await lease();
        return now.fence > fence || now.state !== PROCESSING;
      });
    if (dead) await bringUp(dead);
  }
  const end = await fila.requests.wait(id, { timeoutMs: PATIENCE_MS });
  const poisoned: string[] = [];
  for await (const one of cluster.admin().deadLetters.list({ error_code: 'poison' })) poisoned.push(one.id);
  return [
    ...(end.error?.code === 'poison' ? [] : [`the poison ended ${end.status} ${end.error?.code}`]),
    ...(poisoned.length === 1 ? [] : [`${poisoned.length} requests are poison, not 1`]),
  ];
}

/** Whose death stops the renewals held it. */
async function killHolder({ brokers }: Cluster, lease: () => Promise<Lease>): Promise<BrokerNode | null> {
  for (const broker of brokers) {
    await broker.kill();
    const { lease_until: before } = await lease();
    if (brokers.length > 1) await delay(RENEWED_MS);
    if ((await lease()).lease_until === before) return broker;
    await bringUp(broker);
  }
  return null;
}

const MEBIBYTE = 1024 * 1024;
const HUGE_CLIENTS = 16;
const HUGE_TIMEOUT_MS = 30_000;

/** Bodies far larger than the heap together: each is taken, or refused in so many words; what was taken completes. */
export async function hugeBodies({ cluster, durationMs }: Stage): Promise<string[]> {
  const complaints: string[] = [];
  const taken: string[] = [];
  const answers = new Map<string, number>();
  const note = (answer: string): void => void answers.set(answer, (answers.get(answer) ?? 0) + 1);
  const over = Date.now() + durationMs;
  const fila = probeClient(cluster, { maxRetries: 0, timeoutMs: HUGE_TIMEOUT_MS });
  const client = async (index: number): Promise<void> => {
    for (let n = 0; Date.now() < over; n++) {
      const bytes = (index + n) % 3 === 0 ? 3 * MEBIBYTE : 0.9 * MEBIBYTE;
      try {
        const prompt = `Huge ${index} ${n} `.padEnd(bytes, 'x');
        taken.push((await fila.requests.create({ prompt })).id);
        note('accepted');
      } catch (error) {
        if (!(error instanceof FilaError)) throw error;
        note(error.code);
        await delay(100);
      }
    }
  };
  const keeper = keepUp(cluster, over);
  await Promise.all(Array.from({ length: HUGE_CLIENTS }, (_, index) => client(index)));
  const falls = await keeper;
  if (falls > 0) complaints.push(`brokers fell ${falls} times`);
  for (const [answer, count] of answers)
    // On a busy machine an answer may come too late: then nobody knows. A connection that breaks is another thing.
    if (!['accepted', 'body_too_large', 'unavailable', 'timed_out'].includes(answer))
      complaints.push(`${count} huge calls ended with ${answer}`);
  if (!answers.has('body_too_large')) complaints.push('nothing was too large');
  const patient = probeClient(cluster);
  for (const id of taken) {
    const { status, error } = await patient.requests.wait(id, { timeoutMs: PATIENCE_MS });
    // What it was accepted for is longer than the context of the model: that is an end, and the right one.
    if (status !== 'completed' && error?.code !== 'context_exceeded')
      complaints.push(`huge ${id} ended ${status} ${error?.code}`);
  }
  return complaints;
}

/** As a supervisor does: starts what fell. Resolves with how often. */
async function keepUp({ brokers }: Cluster, over: number): Promise<number> {
  let falls = 0;
  for (; Date.now() < over; await delay(100))
    for (const broker of brokers) {
      if (!broker.hasFallen()) continue;
      falls += 1;
      await broker.kill();
      await bringUp(broker);
    }
  return falls;
}

const SDK_CLIENTS = 6;

/** Clients with the SDK's retries, whose calls go to one broker after the other as through a balancer: none may fail. */
export async function sdkClients({ cluster, durationMs }: Stage): Promise<string[]> {
  const { urls } = cluster;
  let turn = 0;
  const balanced = (url: string, init: RequestInit): Promise<Response> =>
    fetch(url.replace(urls[0]!, urls[(turn += 1) % urls.length]!), init);
  const failures: string[] = [];
  const over = Date.now() + durationMs;
  const client = async (index: number): Promise<void> => {
    const fila = probeClient(cluster, { maxRetries: 8, fetch: balanced });
    for (let n = 0; Date.now() < over; n++)
      try {
        const prompt = `Rolling ${index} ${n}`;
        const { status } = await fila.requests.createAndWait({ prompt }, { timeoutMs: PATIENCE_MS });
        if (status !== 'completed') failures.push(`${prompt} ended ${status}`);
      } catch (error) {
        failures.push(`a client saw: ${(error as Error).message}`);
      }
  };
  await Promise.all(Array.from({ length: SDK_CLIENTS }, (_, index) => client(index)));
  return failures;
}

const SLOW_CALLS = 6;

/** Answers that come slowly and never stop are let come: one attempt each. */
export async function slowLoris({ cluster }: Stage): Promise<string[]> {
  const fila = probeClient(cluster);
  const asked = Array.from({ length: SLOW_CALLS }, (_, n) =>
    fila.requests.createAndWait(
      { prompt: `Slow ${n} [[fault:slow_tokens]]`, parameters: { max_tokens: 8 } },
      { timeoutMs: PATIENCE_MS },
    ),
  );
  return (await Promise.all(asked)).flatMap(({ id, status, attempts }) =>
    status === 'completed' && attempts === 1 ? [] : [`${id} ended ${status} after ${attempts} attempts`],
  );
}

const DEAD = 60;
const RETRIES_PER_SECOND = 10;

/** An operation whose broker stands still past its lease goes on elsewhere; every dead letter is retried once. */
export async function operationOnce({ cluster }: Stage): Promise<string[]> {
  const fila = probeClient(cluster);
  const prompts = Array.from({ length: DEAD }, (_, n) => `Dead ${n} [[fault:error_400_context]]`);
  const dead = await Promise.all(
    prompts.map((prompt) => fila.requests.createAndWait({ prompt, priority: 9 }, { timeoutMs: PATIENCE_MS })),
  );
  const admin = cluster.admin();
  const filter = { error_code: 'context_exceeded' };
  const { id } = await admin.deadLetters.retryMany({ filter, rate: RETRIES_PER_SECOND });
  await until('the end of the operation', async () => {
    const operation = await cluster
      .admin(1)
      .operations.get(id)
      .catch(() => null);
    return operation?.state === 'completed';
  });
  const again = await cluster.query<{ retry_of: string; n: number }>(
    'SELECT retry_of, COUNT(*) AS n FROM requests WHERE retry_of IS NOT NULL GROUP BY retry_of',
  );
  const times = new Map(again.map(({ retry_of: of, n }) => [of, Number(n)]));
  return dead.flatMap((one) => {
    const count = times.get(one.id) ?? 0;
    return count === 1 ? [] : [`${one.id} was retried ${count} times`];
  });
}

type Column = 'body' | 'result';

/** Bytes that were changed and rows that were swapped are noticed, named, and in nobody's way; then all is put back. */
export async function corruption({ cluster, healed }: Stage): Promise<string[]> {
  await healed;
  const fila = probeClient(cluster);
  const ask = (n: number): Promise<Request> => fila.requests.createAndWait({ prompt: `Kept ${n}` });
  const [changed, one, other, whole] = await Promise.all([1, 2, 3, 4].map(ask));
  const asleep = new Date(Date.now() + 3_000).toISOString();
  const waiting = await fila.requests.create({ prompt: 'Asks nothing else', run_at: asleep });
  const bytesOf = async (id: string, column: Column): Promise<Buffer> => {
    const sql = `SELECT ${column} AS bytes FROM requests WHERE id = ${quoted(id)}`;
    return Buffer.from((await cluster.query<{ bytes: Uint8Array }>(sql))[0]!.bytes);
  };
  const put = (id: string, column: Column, bytes: Buffer): Promise<void> =>
    cluster.change(`UPDATE requests SET ${column} = X'${bytes.toString('hex')}' WHERE id = ${quoted(id)}`);
  const original = {
    ...{ changed: await bytesOf(changed!.id, 'result'), body: await bytesOf(waiting.id, 'body') },
    ...{ one: await bytesOf(one!.id, 'result'), other: await bytesOf(other!.id, 'result') },
  };
  const flipped = Buffer.from(original.changed);
  flipped[flipped.length >> 1]! ^= 1;
  await put(changed!.id, 'result', flipped);
  await put(one!.id, 'result', original.other);
  await put(other!.id, 'result', original.one);
  await put(waiting.id, 'body', await bytesOf(whole!.id, 'body'));
  const complaints = [
    ...(await readersOf(fila, [changed!.id, one!.id, other!.id], whole!)),
    ...(await verdictOn(cluster, [changed!.id, one!.id, other!.id, waiting.id])),
  ];
  const { status, error } = await fila.requests.wait(waiting.id, { timeoutMs: PATIENCE_MS });
  if (status !== 'failed' || error?.code !== 'unreadable')
    complaints.push(`a foreign prompt ended ${status} ${error?.code}`);
  await put(changed!.id, 'result', original.changed);
  await put(one!.id, 'result', original.one);
  await put(other!.id, 'result', original.other);
  await put(waiting.id, 'body', original.body);
  return complaints;
}

async function readersOf(fila: Fila, broken: readonly string[], whole: Request): Promise<string[]> {
  const complaints: string[] = [];
  for (const id of broken) {
    const { result, error } = await fila.requests.get(id);
    if (result !== null) complaints.push(`the reader of ${id} was given a result`);
    if (error?.code !== 'unreadable') complaints.push(`the reader of ${id} was told ${error?.code}`);
  }
  const { items } = await fila.requests.list({ limit: 100 }).page();
  const listed = items.find(({ id }) => id === whole.id);
  if (listed?.result?.text !== whole.result?.text) complaints.push('a whole row is not as it was');
  return complaints;
}

async function verdictOn(cluster: Cluster, broken: readonly string[]): Promise<string[]> {
  const { problems } = await cluster.admin().verify.check();
  const named = problems.find(({ rule }) => rule === 'content-opens')?.sample ?? [];
  return broken
    .filter((id) => !named.some((one) => one.startsWith(id)))
    .map((id) => `verify does not name ${id}`);
}
