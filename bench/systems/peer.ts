/** The peer: one HTTP process and one worker process of bench/peer, on the same MariaDB, Redis and simulator. */
import { join } from 'node:path';
import { startHttpDaemon } from './http-daemon.ts';
import type { Servers } from './servers.ts';
import type { System } from './system.ts';

const PEER = join(import.meta.dirname, '../peer');

export interface PeerPlan {
  readonly concurrency: number;
  readonly nodeArgs?: readonly string[];
}

export async function startPeer(servers: Servers, { concurrency, nodeArgs = [] }: PeerPlan): Promise<System> {
  await servers.redisClient.flushall();
  const shared = {
    PEER_DATABASE_URL: await servers.mariadb.createDatabase(),
    PEER_REDIS_URL: servers.redis.url,
    PEER_OLLAMA_URL: servers.simulator.url,
    PEER_CONCURRENCY: String(concurrency),
    NODE_ENV: 'production',
  };
  const start = (name: string, file: string) =>
    startHttpDaemon({
      name: `peer-${name}`,
      environment: (port) => ({ ...shared, PEER_PORT: String(port) }),
      args: () => [...nodeArgs, join(PEER, file)],
      readyPath: '/livez',
    });
  const web = await start('web', 'web.mjs');
  const worker = await start('worker', 'worker.mjs');
  return {
    ...{ name: 'peer', path: '/api/v1/requests', ports: [web.port] },
    createKey: async () => {
      const answer = await fetch(`http://127.0.0.1:${web.port}/keys`, { method: 'POST' });
      const { key, webhook_secret } = (await answer.json()) as { key: string; webhook_secret: string };
      return { key, webhookSecret: webhook_secret };
    },
    processes: { web: web.pid, worker: worker.pid },
    stop: async () => {
      await Promise.all([web.kill(), worker.kill()]);
    },
  };
}
