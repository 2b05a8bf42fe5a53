/** Lets rsmq work over an ioredis connection, and runs Lua there whatever Redis has forgotten. */
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import RSMQ from 'rsmq';

type Done<T> = (error: unknown, result?: T) => void;
type Argument = string | number;

export interface Script {
  readonly source: string;
  readonly sha: string;
}

export function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** Runs a script by its hash; a Redis that does not know it (new, restarted, flushed) is sent the whole text. */
export async function runScript(
  redis: Redis,
  { source, sha }: Script,
  keys: readonly Argument[],
  args: readonly Argument[],
): Promise<unknown> {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!String(error).includes('NOSCRIPT')) throw error;
    return redis.eval(source, keys.length, ...keys, ...args);
  }
}

export function openRsmq(redis: Redis, namespace: string): RSMQ {
  const client = new RedisClient(redis) as unknown as NonNullable<RSMQ.ConstructorOptions['client']>;
  return new RSMQ({ client, ns: namespace, realtime: false });
}

/** Several commands at once, as MULTI would; a script because ioredis can pipeline it with others and MULTI not. */
const ALL_AT_ONCE = script(`
local replies, at = {}, 1
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  replies[#replies + 1] = redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end
return replies`);

/**
 * The part of node_redis 3 that rsmq uses for the calls we make. rsmq takes a client only if its class is called
 * `RedisClient`, which the static name keeps true in a minified bundle; with any other it silently dials
 * 127.0.0.1:6379 by itself. Scripts are "loaded" by computing their hash here, at once: rsmq would put off calls made
 * before that on a listener that it never removes, and repeat them at each reconnect, hiding tokens that nobody holds.
 */
class RedisClient {
  static readonly name: string = 'RedisClient';
  readonly connected = true;
  private readonly redis: Redis;
  private readonly scripts = new Map<string, Script>();

  constructor(redis: Redis) {
    this.redis = redis;
  }

  /** rsmq listens for `connect`, to load its scripts again, and for `error`; it needs neither. */
  on(): void {}

  script(_load: 'load', source: string, done: Done<string>): void {
    const loaded = script(source);
    this.scripts.set(loaded.sha, loaded);
    done(null, loaded.sha);
  }

  evalsha(...call: [sha: string, keyCount: number, ...keys: Argument[], done: Done<unknown>]): void {
    const done = call.at(-1) as Done<unknown>;
    const keys = call.slice(2, -1) as Argument[];
    settle(runScript(this.redis, this.scripts.get(call[0])!, keys, []), done);
  }

  multi(commands: readonly (readonly Argument[])[]): { exec(done: Done<unknown>): void } {
    const args = commands.flatMap((command) => [command.length, ...command]);
    const key = commands[0]![1]!;
    return { exec: (done) => settle(runScript(this.redis, ALL_AT_ONCE, [key], args), done) };
  }

  time(done: Done<unknown>): void {
    settle(this.redis.time(), done);
  }

  sadd(key: string, member: string, done: Done<number>): void {
    settle(this.redis.sadd(key, member), done);
  }
}

function settle<T>(promise: Promise<T>, done: Done<T>): void {
  promise.then(
    (result) => done(null, result),
    (error: unknown) => done(error),
  );
}
