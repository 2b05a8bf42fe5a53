/** The limiter of many brokers: counters in Redis, and one script that decides about all that came in one moment. */
import { Command, type Redis } from 'ioredis';
import { inTime } from '../../kernel/in-time.ts';
import { runScript, script, type Script } from '../active-lanes/rsmq-client.ts';
import { SelfClockedFlush } from '../ledger/self-clocked-flush.ts';
import { calmedLevel } from './decide.ts';
import type { Account, Brokers, Limiter, Penalty, Rule, RuleState, Verdict } from './limiter.ts';
import { ANNOUNCE, CELL_BYTES, DECIDE, LIFT, PLACE_MARK } from './limiter-script.ts';

export interface RedisLimiterOptions {
  /** The start of all keys. The braces keep them in one slot of a cluster. */
  readonly namespace?: string;
  /** After this a decision is rejected; Redis may have counted it all the same. */
  readonly timeoutMs?: number;
  /** For tests: another time than that of Redis, in milliseconds since 1970. */
  readonly now?: () => number;
}

export interface RedisLimiter extends Limiter {
  /** Tells the others that this broker is there; `brokers` says what came of the last time. */
  announce(broker: string): Promise<void>;
}

interface Op {
  readonly accounts: readonly Account[];
  /** Counted without asking; there is no verdict then. */
  readonly isCount: boolean;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps Redis busy for a millisecond at most, and both sides at work: one is asked while the other answers. */
const BATCH = { maxOps: 64, maxBytes: Number.POSITIVE_INFINITY, maxInFlight: 2 };
const TIMEOUT_MS = 250;
const BROKER_GONE_MS = 6_000;
const MOST_LISTED = 1_000;
const NOBODY = 255;
const NO_VERDICT: Verdict = { isAllowed: true, refusedBy: -1, retryMs: 0, states: [] };
const [DECIDING, LIFTING, ANNOUNCING] = [script(DECIDE), script(LIFT), script(ANNOUNCE)];

export function redisLimiter(redis: Redis, options: RedisLimiterOptions = {}): RedisLimiter {
  const { timeoutMs = TIMEOUT_MS } = options;
  const prefix = `${options.namespace ?? '{fila}'}:limit`;
  const [index, living, accounts] = [`${prefix}:penalties`, `${prefix}:brokers`, `${prefix}:of:`];
  const flush = new SelfClockedFlush<Op>(write, () => 1, BATCH);
  let brokers: Brokers = { count: 1, isFirst: true };

  async function write(ops: Op[]): Promise<void> {
    const keys = [index];
    const rules: string[] = [];
    let shape = '';
    for (const op of ops) {
      shape += op.isCount ? 'c' : op.accounts.length;
      for (const account of op.accounts) {
        keys.push(accounts + account.name);
        rules.push(textOf(account.rules));
      }
    }
    const now = options.now ? String(options.now()) : '';
    try {
      const answer = runForBytes(redis, DECIDING, [keys.length, ...keys, now, shape, ...rules]);
      readAnswer(await inTime(answer, timeoutMs, () => new Error('no answer in time')), ops);
    } catch (error) {
      for (const { reject } of ops) reject(error);
    }
  }

  function ask(asked: readonly Account[], isCount: boolean): Promise<Verdict> {
    return new Promise((resolve, reject) => flush.add({ accounts: asked, isCount, resolve, reject }));
  }

  async function timeMs(): Promise<number> {
    if (options.now) return options.now();
    const [seconds, micros] = await redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  async function penaltyOf(entry: string, now: number): Promise<Penalty | null> {
    const mark = entry.lastIndexOf(PLACE_MARK);
    const key = entry.slice(0, mark);
    const from = Number(entry.slice(mark + 1)) * CELL_BYTES;
    const cell = await redis.getrangeBuffer(key, from, from + CELL_BYTES - 1);
    if (cell.length < CELL_BYTES) return null;
    const blockedUntil = cell.readDoubleLE(0);
    const level = calmedLevel(blockedUntil, cell.readUInt32LE(16), now);
    return level === 0 ? null : { account: key.slice(accounts.length), level, blockedUntil };
  }

  return {
    isOwn: false,
    decide: (asked) => ask(asked, false),
    count: async (account) => void (await ask([account], true)),
    penalties: async () => {
      const now = await timeMs();
      const entries = await redis.zrevrangebyscore(index, '+inf', now, 'LIMIT', 0, MOST_LISTED);
      const found = await Promise.all(entries.map((entry) => penaltyOf(entry, now)));
      return found.filter((penalty) => penalty !== null);
    },
    lift: async (account, place) => {
      const args = [String(place), '\0'.repeat(CELL_BYTES)];
      return (await runScript(redis, LIFTING, [index, accounts + account], args)) === 1;
    },
    announce: async (broker) => {
      const there = (await runScript(redis, ANNOUNCING, [living], [broker, BROKER_GONE_MS])) as string[];
      brokers = { count: Math.max(1, there.length), isFirst: there.every((other) => other >= broker) };
    },
    brokers: () => brokers,
  };
}

/** A Redis that does not know the script (new, restarted, flushed) is sent the whole text. */
async function runForBytes(
  redis: Redis,
  { sha, source }: Script,
  args: readonly (string | number)[],
): Promise<Buffer> {
  try {
    return (await redis.sendCommand(new Command('EVALSHA', [sha, ...args]))) as Buffer;
  } catch (error) {
    if (!String(error).includes('NOSCRIPT')) throw error;
    return (await redis.sendCommand(new Command('EVAL', [source, ...args]))) as Buffer;
  }
}

function readAnswer(answer: Buffer, ops: readonly Op[]): void {
  let at = 0;
  for (const { accounts, isCount, resolve } of ops) {
    if (isCount) {
      resolve(NO_VERDICT);
      continue;
    }
    const by = answer[at]!;
    const retryMs = answer.readUInt32LE(at + 1);
    at += 5;
    const states: RuleState[] = [];
    for (const { rules } of accounts)
      for (let left = rules.length; left > 0; left--) {
        states.push({ used: answer.readUInt32LE(at), resetMs: answer.readUInt32LE(at + 4) });
        at += 8;
      }
    const isAllowed = by === NOBODY;
    resolve({ isAllowed, refusedBy: isAllowed ? -1 : by, retryMs, states });
  }
}

/** How the script reads rules. Callers use the same list again and again. */
function textOf(rules: readonly Rule[]): string {
  const known = texts.get(rules);
  if (known !== undefined) return known;
  const text = rules
    .map((rule) => {
      const span = rule.kind === 'window' ? rule.windowMs : rule.kind === 'burst' ? rule.refillUs : 0;
      return `${rule.kind[0]}${rule.place},${rule.limit},${rule.cost},${span}`;
    })
    .join(';');
  texts.set(rules, text);
  return text;
}

const texts = new WeakMap<readonly Rule[], string>();
