/** Several brokers on one MariaDB and one Redis: an upstream is dispatched by one of them at a time, and its slots hold. */
import { setTimeout as delay } from 'node:timers/promises';
import { Fila } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type SimulatedOllama,
  startSimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { type BrokerNode, BUILT_CLI, newMasterKey, startBrokerNode } from '../chaos/broker-node.ts';
import { inParallel } from '../helpers/in-parallel.ts';
import { mariadbAvailable, needMariadb, needRedis, redisAvailable } from '../services/need.ts';

const SLOTS = 4;
/** That of an upstream. */
const LEASE_MS = 5_000;
const MODEL = 'llama3:8b';

interface House {
  readonly ollamas: readonly SimulatedOllama[];
  add(): Promise<BrokerNode>;
}

/**
 * Brokers that share everything. The simulated servers would carry more than is allowed. A call shorter than 100 ms is
 * hardly counted among the callers: see `maxCallers`.
 */
async function house(servers: number, firstTokenMs = 60): Promise<House> {
  const [mariadb, redis] = await Promise.all([needMariadb(), needRedis()]);
  const ollamas = await Promise.all(
    Array.from({ length: servers }, () => startSimulatedOllama({ slots: 64, firstTokenMs, answerTokens: 5 })),
  );
  const environment = {
    FILA_DATABASE_URL: await mariadb.createDatabase(),
    FILA_REDIS_URL: redis.url,
    FILA_MASTER_KEY: newMasterKey(),
    FILA_OLLAMA_URLS: ollamas.map(({ url }) => `${url}#slots=${SLOTS}`).join(','),
    FILA_LEASE_MS: '1500',
    FILA_STOP_GRACE_MS: '5000',
  };
  onTestFinished(async () => void (await Promise.all(ollamas.map((ollama) => ollama.stop()))));
  let count = 0;
  const add = async (): Promise<BrokerNode> => {
    const name = `broker${(count += 1)}`;
    const broker = await startBrokerNode({ name, cli: BUILT_CLI, environment });
    onTestFinished(() => broker.discard());
    return broker;
  };
  return { ollamas, add };
}

const urlOf = ({ port }: BrokerNode): string => `http://127.0.0.1:${port}`;
const adminOf = (broker: BrokerNode): Fila =>
  new Fila({ url: urlOf(broker), adminToken: broker.adminToken(), maxRetries: 0 });

/** Of all upstreams, those that this broker dispatches. */
async function heldBy(broker: BrokerNode): Promise<string[]> {
  const { items } = await adminOf(broker).upstreams.list();
  return items.filter(({ dispatched_by: by }) => by?.here).map(({ id }) => id);
}

async function newKey(broker: BrokerNode): Promise<(of: BrokerNode) => Fila> {
  const { key } = await adminOf(broker).keys.create({ name: 'shared' });
  return (of) => new Fila({ url: urlOf(of), apiKey: key });
}

const peaksOf = (ollamas: readonly SimulatedOllama[]): number[] =>
  ollamas.map((ollama) => ollama.state().models[MODEL]?.maxCallers ?? 0);

/** How often prompts were asked that had been asked before. */
function repeats(ollamas: readonly SimulatedOllama[]): number {
  const calls = ollamas.flatMap((ollama) => Object.values(ollama.state().promptCalls));
  return calls.reduce((sum, one) => sum + one.calls, 0) - new Set(ollamas.flatMap(promptsOf)).size;
}
const promptsOf = (ollama: SimulatedOllama): string[] => Object.keys(ollama.state().promptCalls);

const prompts = (count: number, what: string): string[] =>
  Array.from({ length: count }, (_, n) => `${what} ${n}`);

describe.skipIf(!mariadbAvailable || !redisAvailable)('several brokers', () => {
  it('never have more calls under way than there are slots, whoever comes and goes under load', async () => {
    const { ollamas, add } = await house(2);
    const first = await add();
    const client = await newKey(first);
    expect(await heldBy(first)).toHaveLength(2);
    const queued = await inParallel(16, prompts(400, 'Queued'), async (prompt) =>
      client(first).requests.create({ prompt }),
    );
    const second = await add();
    await expect.poll(() => heldBy(second), { timeout: 10_000 }).toHaveLength(1);
    expect(await heldBy(first)).toHaveLength(1);
    const third = await add();
    const doors = [first, second, third];
    const accepted = await inParallel(16, prompts(300, 'Everywhere'), async (prompt) =>
      client(doors[Number(prompt.split(' ')[1]) % 3]!).requests.create({ prompt }),
    );
    await first.stop();
    await expect
      .poll(async () => (await Promise.all([second, third].map(heldBy))).map(({ length }) => length), {
        timeout: 10_000,
      })
      .toEqual([1, 1]);
    const done = await inParallel(32, [...queued, ...accepted], ({ id }) =>
      client(third).requests.wait(id, { timeoutMs: 60_000 }),
    );
    expect(done.filter(({ status, attempts }) => status !== 'completed' || attempts !== 1)).toEqual([]);
    expect(peaksOf(ollamas)).toEqual([SLOTS, SLOTS]);
    expect(repeats(ollamas)).toBe(0);
  });

  it('accept for each other: who dispatches is woken at once', async () => {
    const { add } = await house(1, 0);
    const [holder, other] = [await add(), await add()];
    const client = await newKey(holder);
    expect([await heldBy(holder), await heldBy(other)].map(({ length }) => length)).toEqual([1, 0]);
    const tookMs: number[] = [];
    for (const prompt of prompts(9, 'At the other door')) {
      const at = performance.now();
      const { id } = await client(other).requests.create({ prompt });
      await client(holder).requests.get(id, { waitSeconds: 30 });
      tookMs.push(performance.now() - at);
      // The sweep, which would find it within a second, is not to be what finds it.
      await delay(130);
    }
    expect(tookMs.sort((a, b) => a - b)[4]).toBeLessThan(300);
  });

  it('each tell when a request should start, whoever starts it', async () => {
    const { add } = await house(1, 200);
    const [holder, other] = [await add(), await add()];
    const client = await newKey(holder);
    const sent = await inParallel(8, prompts(160, 'Told'), async (prompt) =>
      client(holder).requests.create({ prompt }),
    );
    const last = sent.at(-1)!.id;
    const etasOf = (): Promise<unknown[]> =>
      Promise.all([holder, other].map(async (one) => (await client(one).requests.get(last)).eta_ms));
    await expect
      .poll(async () => (await etasOf()).every((eta) => typeof eta === 'number'), { timeout: 6_000 })
      .toBe(true);
  });

  it('lose nothing when the one that dispatches is killed: another takes over when its lease is over', async () => {
    const { ollamas, add } = await house(1, 150);
    const [holder, other] = [await add(), await add()];
    const client = await newKey(holder);
    const accepted = await inParallel(16, prompts(120, 'Killed'), async (prompt) =>
      client(Math.random() < 0.5 ? holder : other).requests.create({ prompt }),
    );
    await holder.kill();
    const killedAt = performance.now();
    await expect.poll(() => heldBy(other), { timeout: 30_000 }).toHaveLength(1);
    expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + 2_000);
    const done = await inParallel(32, accepted, ({ id }) =>
      client(other).requests.wait(id, { timeoutMs: 60_000 }),
    );
    expect(done.filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(peaksOf(ollamas)).toEqual([SLOTS]);
    expect(repeats(ollamas)).toBeLessThanOrEqual(SLOTS);
  });

  it('hand over at once when they are stopped, and take back at once what a killed run of theirs held', async () => {
    const { ollamas, add } = await house(1, 400);
    const [holder, other] = [await add(), await add()];
    const client = await newKey(holder);
    const sent = await inParallel(8, prompts(3 * SLOTS, 'Stopped'), async (prompt) =>
      client(holder).requests.create({ prompt }),
    );
    const stopped = holder.stop();
    const stoppedAt = performance.now();
    await expect.poll(() => heldBy(other), { timeout: 30_000, interval: 20 }).toHaveLength(1);
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
    await stopped;
    const done = await inParallel(32, sent, ({ id }) => client(other).requests.wait(id));
    expect(done.filter(({ status, attempts }) => status !== 'completed' || attempts !== 1)).toEqual([]);
    expect(peaksOf(ollamas)).toEqual([SLOTS]);

    await other.kill();
    await other.start();
    expect(await heldBy(other)).toHaveLength(1);
  });

  it('that stood still start nothing more when they go on: what they had under way is all there is twice', async () => {
    const { ollamas, add } = await house(1, 2_000);
    const [holder, other] = [await add(), await add()];
    const client = await newKey(holder);
    const sent = await inParallel(8, prompts(4 * SLOTS, 'Frozen'), async (prompt) =>
      client(holder).requests.create({ prompt }),
    );
    await expect.poll(() => ollamas[0]!.state().models[MODEL]?.running).toBe(SLOTS);
    holder.freeze();
    await expect.poll(() => heldBy(other), { timeout: 30_000 }).toHaveLength(1);
    await expect.poll(() => ollamas[0]!.state().models[MODEL]?.running, { timeout: 30_000 }).toBe(SLOTS);
    holder.thaw();
    const done = await inParallel(32, sent, ({ id }) =>
      client(other).requests.wait(id, { timeoutMs: 60_000 }),
    );
    expect(done.filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(await heldBy(holder)).toEqual([]);
    expect(peaksOf(ollamas)[0]).toBeLessThanOrEqual(2 * SLOTS);
    expect(repeats(ollamas)).toBeLessThanOrEqual(SLOTS);
  });
});
