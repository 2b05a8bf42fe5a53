/** A whole installation in one's hands: brokers, their engines, simulated Ollamas, and a faulty wire at every joint. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fila } from '@fila/sdk';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import {
  type SimulatedOllama,
  type SimulatedOllamaOptions,
  startSimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { type MariadbService, startMariadb } from '../services/mariadb-service.ts';
import { type RedisService, startRedis } from '../services/redis-service.ts';
import { type BrokerNode, BUILT_CLI, newMasterKey, startBrokerNode } from './broker-node.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

export interface ClusterPlan {
  readonly seed: number;
  /** Embedded: one broker on SQLite and memory. Shared: `brokers` of them on MariaDB and Redis. */
  readonly engines: 'embedded' | 'shared';
  readonly brokers: number;
  /** bin/fila.js of the build to run; the one of this tree unless given. */
  readonly cli?: string;
  /** How fast models are; some 100 ms a call unless given. */
  readonly pace?: Pick<SimulatedOllamaOptions, 'firstTokenMs' | 'tokensPerSecond' | 'loadMs'> & {
    /** Of answers with the fault slow_tokens. */
    readonly slowTokenMs?: number;
  };
  /** How many simulated servers, and how many calls of one model a broker may have at each. */
  readonly ollamas?: number;
  readonly slots?: number;
  /** More arguments of redis-server; it keeps nothing on disk unless they say so. */
  readonly redisArgs?: readonly string[];
  /** More settings of the brokers. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Servers for shared engines that others use at the same time; of its own unless given. */
  readonly servers?: SharedServers;
}

export interface SharedServers {
  readonly mariadb: MariadbService;
  readonly redis: RedisService;
}

/** One wire: `client-broker1`, `broker1-redis`, `broker1-mariadb`, `broker1-ollama2`. */
export interface Link {
  readonly name: string;
  readonly proxy: FaultProxy;
}

export interface ClientKey {
  readonly apiKey: string;
  readonly webhookSecret: string;
}

export interface Cluster {
  readonly brokers: readonly BrokerNode[];
  readonly ollamas: readonly SimulatedOllama[];
  readonly redis: RedisService | null;
  readonly mariadb: MariadbService | null;
  readonly links: readonly Link[];
  readonly keys: readonly ClientKey[];
  /** For questions that are not part of the run. */
  readonly probeKey: ClientKey;
  /** The address of each broker, through its wire. */
  readonly urls: readonly string[];
  /** What the slowest broker took to start, before anything went wrong: how fast this machine is now. */
  readonly startMs: number;
  /** Asks the database itself, past all brokers. */
  query<Row extends object>(sql: string): Promise<Row[]>;
  /** Does something to the database itself, past all brokers. */
  change(sql: string): Promise<void>;
  /** With the token of the operator, through the wire of a broker. */
  admin(broker?: number): Fila;
  stop(): Promise<void>;
}

const SLOTS = 4;
export const MAX_ATTEMPTS = 100;

/** Small times, so that what takes minutes in production happens many times in one run. */
const TIMES = {
  FILA_LEASE_MS: '2000',
  FILA_STOP_GRACE_MS: '1500',
  FILA_RETRY_BASE_MS: '100',
  FILA_RETRY_CAP_MS: '1000',
  FILA_MAX_ATTEMPTS: String(MAX_ATTEMPTS),
  FILA_CONNECT_TIMEOUT_MS: '500',
  FILA_FIRST_TOKEN_TIMEOUT_MS: '2500',
  FILA_GAP_TIMEOUT_MS: '1000',
  FILA_TOTAL_TIMEOUT_MS: '10000',
};
const OLLAMAS = 2;
/** A broker on SQLite may be writing. */
const BUSY_MS = 5_000;
const KEYS = ['probe', 'one', 'two'];

export async function startCluster(plan: ClusterPlan): Promise<Cluster> {
  const closing: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let close = closing.pop(); close; close = closing.pop()) await close();
  };
  try {
    return { ...(await assemble(plan, closing)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  plan: ClusterPlan,
  closing: (() => Promise<unknown>)[],
): Promise<Omit<Cluster, 'stop'>> {
  const keep = <T>(thing: T, close: (thing: T) => Promise<unknown>): T => {
    closing.push(() => close(thing));
    return thing;
  };
  const links: Link[] = [];
  const wire = async (name: string, port: number): Promise<number> => {
    const proxy = keep(await startFaultProxy(port, plan.seed + links.length), (one) => one.stop());
    links.push({ name, proxy });
    return proxy.port;
  };
  const isShared = plan.engines === 'shared';
  const mariadb = isShared ? (plan.servers?.mariadb ?? keep(await startMariadb(), end)) : null;
  const redis = isShared
    ? (plan.servers?.redis ?? keep(await startRedis({ args: [...(plan.redisArgs ?? [])] }), end))
    : null;
  const databaseUrl = (await mariadb?.createDatabase()) ?? null;
  if (plan.servers && databaseUrl) closing.push(() => plan.servers!.mariadb.dropDatabase(databaseUrl));
  const redisUrl = redis && (await emptyDatabaseOf(redis));
  const ollamas: SimulatedOllama[] = [];
  const { slots = SLOTS, ollamas: count = OLLAMAS } = plan;
  const { slowTokenMs, ...pace } = { ...PACE, ...plan.pace };
  for (let n = 0; n < count; n++) {
    const ollama = await startSimulatedOllama({ ...pace, slots: slots * plan.brokers });
    ollamas.push(keep(ollama, (one) => one.stop()));
    if (slowTokenMs !== undefined) ollama.control({ slowTokenMs });
  }

  const masterKey = newMasterKey();
  const brokers: BrokerNode[] = [];
  const urls: string[] = [];
  let startMs = 0;
  for (let n = 1; n <= plan.brokers; n++) {
    const name = `broker${n}`;
    const ports = await Promise.all(ollamas.map(({ port }, i) => wire(`${name}-ollama${i + 1}`, port)));
    const environment: Record<string, string> = {
      ...{ ...TIMES, FILA_MASTER_KEY: masterKey, ...plan.environment },
      FILA_OLLAMA_URLS: ports.map((port) => `http://127.0.0.1:${port}#slots=${slots}`).join(','),
    };
    if (databaseUrl)
      environment['FILA_DATABASE_URL'] = at(databaseUrl, await wire(`${name}-mariadb`, mariadb!.port));
    if (redis) environment['FILA_REDIS_URL'] = at(redisUrl!, await wire(`${name}-redis`, redis.port));
    const cli = plan.cli ?? BUILT_CLI;
    const beganMs = performance.now();
    const node = keep(await startBrokerNode({ name, cli, environment }), (one) => one.discard());
    startMs = Math.max(startMs, performance.now() - beganMs);
    brokers.push(node);
    urls.push(`http://127.0.0.1:${await wire(`client-${name}`, node.port)}`);
  }
  const [probeKey, ...keys] = await makeKeys(urls[0]!, brokers[0]!);
  const database = databaseUrl ? mysql(databaseUrl) : sqlite(brokers[0]!.dataDir);
  const admin = (index = 0): Fila =>
    new Fila({ url: urls[index]!, adminToken: brokers[index]!.adminToken(), maxRetries: 5 });
  const parts = { brokers, ollamas, redis, mariadb, links, keys, probeKey: probeKey!, urls };
  return { ...parts, startMs, ...database, admin };
}

/** Some 100 ms a call: long enough to be hit in the middle, short enough for hundreds. */
const PACE = { firstTokenMs: 30, tokensPerSecond: 500 };

const end = (server: MariadbService | RedisService): Promise<void> => server.kill();

const REDIS_DATABASES = 16;
let redisDatabase = 0;

/** One of the numbered databases of a Redis, in turn. */
async function emptyDatabaseOf({ url }: RedisService): Promise<string> {
  const numbered = `${url}/${redisDatabase++ % REDIS_DATABASES}`;
  const client = new Redis(numbered);
  try {
    await client.flushdb();
  } finally {
    client.disconnect();
  }
  return numbered;
}

function at(url: string, port: number): string {
  const wired = new URL(url);
  wired.port = String(port);
  return wired.href;
}

async function makeKeys(url: string, broker: BrokerNode): Promise<ClientKey[]> {
  const admin = new Fila({ url, adminToken: broker.adminToken() });
  const made = await Promise.all(KEYS.map((name) => admin.keys.create({ name })));
  return made.map(({ key, webhook_secret }) => ({ apiKey: key, webhookSecret: webhook_secret }));
}

type DatabaseDoor = Pick<Cluster, 'query' | 'change'>;

/** Opened for each question: the broker is the one that owns it. */
function sqlite(dataDir: string): DatabaseDoor {
  const open = async <T>(work: (database: DatabaseSync) => T): Promise<T> => {
    const database = new DatabaseSync(join(dataDir, 'fila.sqlite'), { timeout: BUSY_MS });
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  return {
    query: (sql) => open((database) => database.prepare(sql).all() as never[]),
    change: (sql) => open((database) => database.exec(sql)),
  };
}

function mysql(url: string): DatabaseDoor {
  const ask = async (sql: string): Promise<unknown> => {
    const connection = await createConnection(url);
    try {
      const [answer] = await connection.query(sql);
      return answer;
    } finally {
      await connection.end();
    }
  };
  return {
    query: async (sql) => (await ask(sql)) as never[],
    change: async (sql) => void (await ask(sql)),
  };
}
