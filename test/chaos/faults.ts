/**
 * The faults that every release must stand, by name: what is broken, on which engines, and how soon work flows again.
 * I9 (limits) is test/e2e/limits.test.ts, I13 (nothing readable in the stores and logs) test/e2e/canary.test.ts; I11
 * (audit) belongs to a room that does not exist yet.
 */
import { corruption, hugeBodies, operationOnce, poison, sdkClients, slowLoris } from './fault-drivers.ts';
import type { Step } from './nemesis.ts';
import type { ActionName } from './nemesis-actions.ts';
import type { Scenario } from './scenario.ts';

export type Engines = Scenario['engines'];

type Part = Partial<Omit<Scenario, 'engines'>>;

export interface Fault {
  /** What is broken, and what holds all the same. */
  readonly name: string;
  readonly engines: readonly Engines[];
  readonly part: (engines: Engines) => Part;
  /** From the end of the fault until work flows again, a start included; absent where nothing has to come back. */
  readonly recoverWithinMs?: number;
  /** The longest a caller waits for its 202 or its refusal, during the fault too. */
  readonly answerWithinMs?: number;
}

const BOTH: readonly Engines[] = ['embedded', 'shared'];
const SHARED: readonly Engines[] = ['shared'];
const SLOTS = 4;
const ON_DISK = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
/** Where the lease runs out, twice its time passes until somebody else takes over. */
const LEASE_MS = 2_000;
/** A call takes a quarter of a second: at any moment some are in the middle. */
const LONG_CALLS = { pace: { tokensPerSecond: 200 } };

const step = (atMs: number, holdMs: number, action: ActionName, target: string): Step => ({
  ...{ atMs, holdMs, action, target },
});
const steps =
  (...list: Step[]) =>
  (): Part => ({ steps: list });
const onRedis = (action: ActionName, holdMs: number) => steps(step(2_500, holdMs, action, 'redis'));
const onMariadb = (action: ActionName, holdMs: number) => steps(step(2_500, holdMs, action, 'mariadb'));

/** On a wire to a model, to each engine and to clients, one after the other. */
const onLinks = (action: ActionName) => (engines: Engines) => {
  const ends = ['broker1-ollama1', 'client-broker1'];
  if (engines === 'shared') ends.push('broker1-mariadb', 'broker1-redis');
  return {
    durationMs: 10_000,
    steps: ends.map((end, index) => step(1_000 + 2_200 * index, 1_800, action, end)),
  };
};
const onOllamas = (action: ActionName, holdMs = 4_000) =>
  steps(step(1_500, holdMs, action, 'ollama1'), step(1_500, holdMs, action, 'ollama2'));

export const FAULTS = {
  F01: {
    name: 'A broker is killed in the middle of its work.',
    engines: BOTH,
    part: () => ({ ...LONG_CALLS, steps: [step(2_500, 300, 'broker.kill', 'broker1')] }),
    recoverWithinMs: 5_000,
  },
  F03: {
    name: 'A broker stands still past its lease, and what it settles late is refused.',
    engines: BOTH,
    part: () => ({ ...LONG_CALLS, steps: [step(2_000, 3 * LEASE_MS, 'broker.freeze', 'broker1')] }),
    recoverWithinMs: LEASE_MS + 5_000,
  },
  F04: {
    name: 'A request kills its worker three times and becomes a dead letter; no other does.',
    engines: BOTH,
    part: () => ({ beside: poison, environment: { FILA_FIRST_TOKEN_TIMEOUT_MS: '30000' } }),
  },
  F05: {
    name: 'Brokers are stopped and started one by one under load; clients of the SDK notice nothing.',
    engines: BOTH,
    part: () => ({ beside: sdkClients, steps: [step(2_000, 100, 'brokers.roll', 'brokers')] }),
    recoverWithinMs: 30_000,
  },
  F06: {
    name: 'The event loop of a broker is blocked for longer than its lease, again and again.',
    engines: BOTH,
    part: () => ({
      steps: [],
      environment: {
        FILA_FAILPOINTS: 'upstream.first_token:delay(5000)@20;settle.before_seal:delay(3000)@60',
      },
      durationMs: 12_000,
    }),
  },
  F07: {
    name: 'Bodies that are larger than the heap together are refused, and the broker lives.',
    engines: BOTH,
    part: () => ({
      beside: hugeBodies,
      steps: [],
      environment: { NODE_OPTIONS: '--max-old-space-size=96' },
    }),
  },
  F09: {
    name: 'Redis is killed right after bursts that follow a second of rest, and forgets what it took.',
    engines: SHARED,
    part: () => {
      const bursts = [1_500, 3_500, 5_500, 7_500, 9_500];
      const kills = bursts.map((atMs) => step(atMs + 60, 150, 'redis.kill', 'redis'));
      return { bursts, steps: kills, durationMs: 10_000, redisArgs: ON_DISK };
    },
    recoverWithinMs: 10_000,
  },
  F10: {
    name: 'Redis forgets everything; what waited is done once, in its order.',
    engines: SHARED,
    part: () => ({
      // One slot for all, so that the order can be seen.
      ...{
        ollamas: 1,
        slots: 1,
        brokers: 1,
        requests: 90,
        pace: { tokensPerSecond: 2_000 },
        rules: { isInOrder: true, maxInFlight: 1 },
      },
      steps: [step(2_000, 0, 'redis.flushall', 'redis'), step(4_500, 0, 'redis.flushall', 'redis')],
    }),
    recoverWithinMs: 15_000,
  },
  F11: {
    name: 'Redis comes back with an empty disk.',
    engines: SHARED,
    part: () => ({ redisArgs: ON_DISK, steps: [step(2_500, 500, 'redis.lose-disk', 'redis')] }),
    recoverWithinMs: 15_000,
  },
  F12: {
    name: 'Redis stands still.',
    engines: SHARED,
    part: onRedis('redis.freeze', 3_000),
    ...{ recoverWithinMs: 5_000, answerWithinMs: 1_500 },
  },
  F13: {
    name: 'Redis is full.',
    engines: SHARED,
    part: onRedis('redis.full', 3_000),
    ...{ recoverWithinMs: 5_000, answerWithinMs: 1_500 },
  },
  F14: {
    name: 'Redis forgets its scripts.',
    engines: SHARED,
    part: onRedis('redis.forget-scripts', 0),
    recoverWithinMs: 2_000,
  },
  F15: {
    name: 'Redis refuses writes: as a replica, and because its disk is full.',
    engines: SHARED,
    part: () => ({
      redisArgs: ['--enable-protected-configs', 'yes'],
      steps: [
        step(1_500, 2_500, 'redis.read-only', 'redis'),
        step(5_000, 2_500, 'redis.cannot-save', 'redis'),
      ],
    }),
    ...{ recoverWithinMs: 5_000, answerWithinMs: 1_500 },
  },
  F16: {
    name: 'The end of the log of Redis is torn off.',
    engines: SHARED,
    part: () => ({ redisArgs: ON_DISK, steps: [step(2_500, 500, 'redis.tear-log', 'redis')] }),
    recoverWithinMs: 15_000,
  },
  F17: {
    name: 'MariaDB is killed and started again, twice.',
    engines: SHARED,
    part: steps(step(2_000, 1_000, 'mariadb.kill', 'mariadb'), step(5_500, 200, 'mariadb.kill', 'mariadb')),
    ...{ recoverWithinMs: 20_000, answerWithinMs: 2_500 },
  },
  F18: {
    name: 'MariaDB stands still; callers are refused in time.',
    engines: SHARED,
    part: onMariadb('mariadb.freeze', 4_000),
    ...{ recoverWithinMs: 5_000, answerWithinMs: 2_500 },
  },
  F22: {
    name: 'Every connection to MariaDB is killed again and again, in the middle of commits.',
    engines: SHARED,
    part: onMariadb('mariadb.kill-connections', 3_000),
    recoverWithinMs: 5_000,
  },
  F24: {
    name: 'Wires are slow.',
    engines: BOTH,
    part: onLinks('link.slow'),
    recoverWithinMs: 5_000,
  },
  F25: {
    name: 'Wires are narrow.',
    engines: BOTH,
    part: onLinks('link.narrow'),
    recoverWithinMs: 5_000,
  },
  F26: {
    name: 'Connections are reset in the middle of answers.',
    engines: BOTH,
    part: onLinks('link.resets'),
    recoverWithinMs: 5_000,
  },
  F27: {
    name: 'Wires swallow everything.',
    engines: BOTH,
    part: onLinks('link.blackhole'),
    recoverWithinMs: 10_000,
  },
  F28: {
    name: 'Everything arrives in slices of a few bytes.',
    engines: BOTH,
    part: onLinks('link.slices'),
    recoverWithinMs: 5_000,
  },
  F29: {
    name: 'Connections stay half open after some bytes: what came is no answer.',
    engines: BOTH,
    part: onLinks('link.half-open'),
    recoverWithinMs: 15_000,
  },
  F32: {
    name: 'All upstreams are down.',
    engines: BOTH,
    part: onOllamas('upstream.down'),
    recoverWithinMs: 10_000,
  },
  F33: {
    name: 'Upstreams hang, before the first token and after it.',
    engines: BOTH,
    part: onOllamas('upstream.hang'),
    recoverWithinMs: 15_000,
  },
  F34: {
    name: 'Answers come slowly and never stop: they are let come.',
    engines: BOTH,
    part: () => ({
      beside: slowLoris,
      steps: [],
      environment: { FILA_TOTAL_TIMEOUT_MS: '60000', FILA_GAP_TIMEOUT_MS: '2000' },
      pace: { slowTokenMs: 1_200 },
    }),
  },
  F35: {
    name: 'Upstreams answer nonsense of every kind.',
    engines: BOTH,
    part: onOllamas('upstream.nonsense'),
    recoverWithinMs: 20_000,
  },
  F36: {
    name: 'Upstreams refuse: a storm of 503, 429 with Retry-After, and a 500 now and then.',
    engines: BOTH,
    part: () => ({
      durationMs: 10_000,
      steps: [
        step(1_000, 4_000, 'upstream.busy', 'ollama1'),
        step(1_000, 6_000, 'upstream.flaky', 'ollama2'),
        step(5_500, 2_000, 'upstream.flaky', 'ollama1'),
      ],
    }),
    recoverWithinMs: 20_000,
  },
  F37: {
    name: 'Models have to be loaded first, for longer than a gap between tokens may last: nothing is given up.',
    engines: BOTH,
    part: () => ({
      pace: { loadMs: 3_000 },
      steps: [],
      environment: { FILA_FIRST_TOKEN_TIMEOUT_MS: '12000', FILA_TOTAL_TIMEOUT_MS: '30000' },
      rules: { maxAttempts: 1 },
    }),
  },
  F38: {
    name: 'Upstreams go on with what was given up; no more calls are sent than there are slots.',
    engines: BOTH,
    part: onOllamas('upstream.zombies'),
    recoverWithinMs: 15_000,
  },
  F39: {
    name: 'The receiver of webhooks hangs, fails, resets, redirects, is gone, and never ends its answers.',
    engines: BOTH,
    part: () => ({
      steps: [],
      mishaps: ['error', 'silence', 'reset', 'gone', 'redirect', 'slow-body'],
    }),
  },
  F40: {
    name: 'The broker of an operation stands still past its lease: two owners, each dead letter retried once.',
    engines: SHARED,
    part: () => ({ beside: operationOnce, steps: [step(3_000, 17_000, 'broker.freeze', 'broker1')] }),
    recoverWithinMs: LEASE_MS + 5_000,
  },
  F42: {
    name: 'Ciphertexts are changed and swapped: noticed, named, and in no other row’s way.',
    engines: BOTH,
    part: () => ({ beside: corruption, steps: [], durationMs: 4_000, requests: 100 }),
  },
  F44: {
    name: 'Everything is stopped one by one and started in another order.',
    engines: SHARED,
    part: steps(step(2_000, 500, 'everything.swizzle', 'everything')),
    recoverWithinMs: 60_000,
  },
  F45: {
    name: 'Everything is killed at once, as by a power cut.',
    engines: BOTH,
    part: () => ({ ...LONG_CALLS, steps: [step(2_500, 500, 'everything.kill', 'everything')] }),
    recoverWithinMs: 60_000,
  },
} satisfies Record<string, Fault>;

export type FaultId = keyof typeof FAULTS;

/** Run by other commands of this folder. */
export const ELSEWHERE = { F02: 'node test/chaos/failpoint-matrix.ts' } as const;

/** The whole run of a fault on one set of engines. */
export function scenarioOf(id: FaultId, engines: Engines): Scenario {
  const fault: Fault = FAULTS[id];
  const brokers = engines === 'shared' ? 2 : 1;
  const part = fault.part(engines);
  const isWired = part.steps?.some(({ action }) => action.startsWith('link.')) ?? false;
  return {
    ...{ name: `${id} on ${engines} engines`, seed: Number(id.slice(1)), engines, brokers },
    ...{ requests: 200, durationMs: 8_000, quietMs: 90_000, mishaps: [] },
    ...{ isIdempotent: true, hasWebhooks: true, isProbed: true, steps: [] },
    // Where ends of connections are withheld nobody can count what is under way.
    rules: isWired ? {} : { maxInFlight: brokers * SLOTS },
    ...part,
  };
}
