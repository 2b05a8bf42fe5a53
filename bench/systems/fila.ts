/** Fila as it is run: the built CLI's `serve`, one process a broker, its log in a file, everything on. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fila } from '@fila/sdk';
import { startHttpDaemon } from './http-daemon.ts';
import type { Servers } from './servers.ts';
import type { ClientKey, System } from './system.ts';

const CLI = join(import.meta.dirname, '../../packages/cli/bin/fila.js');

export interface FilaPlan {
  readonly engines: 'shared' | 'embedded';
  readonly slots: number;
  /** More than one with shared engines only. */
  readonly brokers?: number;
  /** `http://127.0.0.1:1,http://…`; the simulator of the servers unless given. */
  readonly ollamas?: readonly string[];
  /** Flags of Node, such as --cpu-prof. */
  readonly nodeArgs?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Three windows that nothing fills, as the peer has them: each call is counted in all of them. */
const LIMITS = { limit_minute: 100_000_000, limit_hour: 100_000_000, limit_day: 100_000_000 };

export interface FilaSystem extends System {
  /** With limits: fields of POST /api/v1/admin/api-keys. */
  createKey(fields?: object): Promise<ClientKey>;
  readonly brokers: readonly Broker[];
  readonly admin: Fila;
}

export type Broker = Awaited<ReturnType<typeof startHttpDaemon>>;

export async function startFila(servers: Servers, plan: FilaPlan): Promise<FilaSystem> {
  const { engines, slots, nodeArgs = [] } = plan;
  const ollamas = plan.ollamas ?? [servers.simulator.url];
  const shared: Record<string, string> = {
    FILA_MASTER_KEY: randomBytes(32).toString('base64'),
    FILA_OLLAMA_URLS: ollamas.map((url) => `${url}#slots=${slots}`).join(','),
    FILA_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
  };
  if (engines === 'shared') {
    await servers.redisClient.flushall();
    shared['FILA_DATABASE_URL'] = await servers.mariadb.createDatabase();
    shared['FILA_REDIS_URL'] = servers.redis.url;
  }
  const brokers: Broker[] = [];
  for (let n = 1; n <= (plan.brokers ?? 1); n++)
    brokers.push(
      await startHttpDaemon({
        name: `fila-${n}`,
        environment: (port, directory) => ({
          ...{ ...shared, FILA_PORT: String(port), FILA_DATA_DIR: join(directory, 'data') },
          ...plan.environment,
        }),
        args: () => [...nodeArgs, CLI, 'serve'],
        readyPath: '/readyz',
      }),
    );
  const [first] = brokers;
  const admin = new Fila({
    url: `http://127.0.0.1:${first!.port}`,
    adminToken: readFileSync(join(first!.directory, 'data', 'admin.token'), 'utf8').trim(),
  });
  let keys = 0;
  return {
    ...{ brokers, admin, path: '/api/v1/requests', name: `fila ${engines}` },
    ports: brokers.map(({ port }) => port),
    createKey: async (fields = {}) => {
      const { key, webhook_secret } = await admin.keys.create({
        name: `load ${++keys}`,
        ...LIMITS,
        ...fields,
      });
      return { key, webhookSecret: webhook_secret };
    },
    processes: Object.fromEntries(brokers.map(({ pid }, n) => [`broker ${n + 1}`, pid])),
    stop: async () => {
      await Promise.all(brokers.map((broker) => (nodeArgs.length > 0 ? broker.stop() : broker.kill())));
    },
  };
}
