/** Active lanes on Redis, for many brokers: a list is an RSMQ queue, a token one of its messages. */
import type { Redis } from 'ioredis';
import { failpoint } from '../../kernel/failpoints.ts';
import { type ActiveLanes, type Lane, type Token, VISIBILITY_SECONDS } from './active-lanes.ts';
import { openRsmq, runScript, script } from './rsmq-client.ts';

export interface RsmqActiveLanesOptions {
  /** The start of all keys. The braces keep them in one slot of a cluster. */
  readonly namespace?: string;
  /** Whole seconds: RSMQ knows nothing finer. */
  readonly visibilitySeconds?: number;
}

/** Tokens that can be taken now, by the clock of Redis, so that only as many are asked for. */
const COUNT_WAITING = script(`
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], '-inf', time[1] * 1000 + math.floor(time[2] / 1000))`);

/** Marks lanes and returns those that were not marked. */
const MARK = script(`
local new = {}
for _, lane in ipairs(ARGV) do
  if redis.call('SADD', KEYS[1], lane) == 1 then new[#new + 1] = lane end
end
return new`);

/** Takes the mark off those lanes that have no token, so that they count as new again, and returns them. */
const UNMARK_LOST = script(`
local has = {}
local ids = redis.call('ZRANGE', KEYS[2], 0, -1)
for at = 1, #ids, 1000 do
  local bodies = redis.call('HMGET', KEYS[3], unpack(ids, at, math.min(at + 999, #ids)))
  for _, lane in ipairs(bodies) do
    if lane then has[lane] = true end
  end
end
local lost = {}
for _, lane in ipairs(ARGV) do
  if not has[lane] then
    redis.call('SREM', KEYS[1], lane)
    lost[#lost + 1] = lane
  end
end
return lost`);

/**
 * What is done to tokens that one holds. RSMQ lets anybody who knows the id of a message change it, also a holder whose
 * time ran out while another holds it now. So each change asks first whether the message was received as often (`:rc`)
 * as the receipt says. ARGV: what to do, milliseconds, channel, list, then (message id, count, lane) per token.
 */
const CHANGE_HELD = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ours = {}
for at = 5, #ARGV, 3 do
  local id, count, lane = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if redis.call('HGET', KEYS[3], id .. ':rc') == count then
    ours[#ours + 1] = (at - 5) / 3
    if ARGV[1] == 'renew' then
      redis.call('ZADD', KEYS[2], now + ARGV[2], id)
    elseif ARGV[1] == 'giveBack' then
      redis.call('ZADD', KEYS[2], now, id)
      redis.call('HINCRBY', KEYS[3], id .. ':rc', 1)
    else
      redis.call('SREM', KEYS[1], lane)
      redis.call('ZREM', KEYS[2], id)
      redis.call('HDEL', KEYS[3], id, id .. ':rc', id .. ':fr')
    end
  end
end
if ARGV[1] == 'giveBack' and #ours > 0 then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
return ours`);

type Change = 'renew' | 'giveBack' | 'retire';

export function rsmqActiveLanes(redis: Redis, options: RsmqActiveLanesOptions = {}): ActiveLanes {
  const namespace = options.namespace ?? '{fila}';
  const visibilitySeconds = options.visibilitySeconds ?? VISIBILITY_SECONDS;
  const channel = `${namespace}:wake`;
  const rsmq = openRsmq(redis, namespace);
  const watching = watchChannel(redis, channel);

  /** Marks, line and bodies of a list; the last two are RSMQ's. */
  const keys = (list: string): [string, string, string] => {
    const line = `${namespace}:${queueOf(list)}`;
    return [`${line}:active`, line, `${line}:Q`];
  };

  /** RSMQ's queues vanish with a FLUSHALL: makes the queue again and tries once more. */
  async function withQueue<T>(list: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!isNamed(error, 'queueNotFound')) throw error;
    }
    try {
      await rsmq.createQueueAsync({ qname: queueOf(list), vt: visibilitySeconds });
    } catch (error) {
      if (!isNamed(error, 'queueExists')) throw error;
    }
    return call();
  }

  /** Resolves with how many tokens that took. */
  async function activateList(list: string, ids: readonly (number | string)[]): Promise<number> {
    if (ids.length === 0) return 0;
    const fresh = (await runScript(redis, MARK, [keys(list)[0]], ids)) as string[];
    if (fresh.length === 0) return 0;
    await failpoint('lanes.between_mark_and_token');
    const send = (message: string) => () => rsmq.sendMessageAsync({ qname: queueOf(list), message });
    await Promise.all(fresh.map((id) => withQueue(list, send(id))));
    await redis.publish(channel, list);
    return fresh.length;
  }

  async function activate(lanes: readonly Lane[]): Promise<void> {
    const held = failpoint('lanes.activate');
    if (held && (await held) === 'duplicate') await activateLists(lanes);
    await activateLists(lanes);
  }

  async function activateLists(lanes: readonly Lane[]): Promise<void> {
    await Promise.all(
      byList(lanes, (lane) => lane.list).map(([list, ofList]) => activateList(list, idsOf(ofList))),
    );
  }

  async function repairList(list: string, ids: readonly number[]): Promise<number> {
    const lost = (await runScript(redis, UNMARK_LOST, keys(list), ids)) as string[];
    return activateList(list, lost);
  }

  async function repair(lanes: readonly Lane[]): Promise<number> {
    const counts = await Promise.all(
      byList(lanes, (lane) => lane.list).map(([list, ofList]) => repairList(list, idsOf(ofList))),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async function receive(list: string): Promise<Token | undefined> {
    const message = await withQueue(list, () =>
      rsmq.receiveMessageAsync({ qname: queueOf(list), vt: visibilitySeconds }),
    );
    if (!('id' in message)) return undefined;
    if (message.message) {
      return { lane: { id: Number(message.message), list }, receipt: `${message.id}:${message.rc}` };
    }
    // A Redis short of memory may drop the bodies before the line; an entry that names no lane is of no use.
    await rsmq.deleteMessageAsync({ qname: queueOf(list), id: message.id });
    return undefined;
  }

  async function next(list: string, max: number): Promise<Token[]> {
    if (max < 1) return [];
    const held = failpoint('lanes.next');
    if (held) await held;
    const waiting = (await runScript(redis, COUNT_WAITING, [keys(list)[1]], [])) as number;
    const received = await Promise.all(Array.from({ length: Math.min(max, waiting) }, () => receive(list)));
    return received.filter((token) => token !== undefined);
  }

  async function change(what: Change, tokens: readonly Token[]): Promise<Token[]> {
    const changed = await Promise.all(
      byList(tokens, (token) => token.lane.list).map(async ([list, ofList]) => {
        const held = ofList.flatMap(({ lane, receipt }) => [...receipt.split(':'), lane.id]);
        const args = [what, visibilitySeconds * 1000, channel, list, ...held];
        const ours = (await runScript(redis, CHANGE_HELD, keys(list), args)) as number[];
        return ours.map((index) => ofList[index]!);
      }),
    );
    return changed.flat();
  }

  return {
    activate,
    repair,
    next,
    renew: (tokens) => change('renew', tokens),
    giveBack: async (tokens) => {
      const held = failpoint('lanes.give_back');
      if (held && (await held) === 'duplicate') await change('giveBack', tokens);
      await change('giveBack', tokens);
    },
    retire: async (tokens) => void (await change('retire', tokens)),
    watch: watching.watch,
    close: watching.close,
  };
}

function queueOf(list: string): string {
  return `list-${list}`;
}

function idsOf(lanes: readonly Lane[]): number[] {
  return lanes.map((lane) => lane.id);
}

function byList<T>(items: readonly T[], listOf: (item: T) => string): [list: string, items: T[]][] {
  const lists = new Map<string, T[]>();
  for (const item of items) {
    const list = lists.get(listOf(item));
    if (list) list.push(item);
    else lists.set(listOf(item), [item]);
  }
  return [...lists];
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

/** Watches over one more connection, made at the first `watch`: one that is subscribed can do nothing else. */
function watchChannel(redis: Redis, channel: string): Pick<ActiveLanes, 'watch' | 'close'> {
  const watchers = new Set<{ onActive: (list: string) => void }>();
  let subscriber: Redis | undefined;

  function subscribe(): Redis {
    // Unlike a command, a subscription is worth waiting for; ioredis renews it by itself after each outage.
    const connection = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
    // Whoever opened the first connection reports the outages of this one too: it is the same Redis.
    connection.on('error', () => {});
    connection.on('message', (_channel, list: string) => {
      for (const watcher of watchers) watcher.onActive(list);
    });
    connection.subscribe(channel).catch(() => {});
    return connection;
  }

  return {
    watch: (onActive) => {
      const watcher = { onActive };
      watchers.add(watcher);
      subscriber ??= subscribe();
      return () => void watchers.delete(watcher);
    },
    close: async () => {
      watchers.clear();
      subscriber?.disconnect();
      subscriber = undefined;
    },
  };
}
