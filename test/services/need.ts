/** What a test file asks for: one Redis and one MariaDB per test process, started at the first need. */
import { afterAll, expect } from 'vitest';
import { type MariadbService, startMariadb } from './mariadb-service.ts';
import { findServices, type ServiceName } from './provide.ts';
import { type RedisService, startRedis } from './redis-service.ts';

const found = findServices();
const isCi = process.env['CI'] === 'true';
const suite = expect.getState().testPath ?? 'this suite';

/** For `describe.skipIf(!redisAvailable)`. Under CI=true nothing is skipped: asking for a missing service fails. */
export const redisAvailable = isRunnable('redis');
export const mariadbAvailable = isRunnable('mariadb');
export const phpAvailable = isRunnable('php');
export const laravelAvailable = isRunnable('laravel');
export const tmuxAvailable = isRunnable('tmux');

let redis: Promise<RedisService> | undefined;
let mariadb: Promise<MariadbService> | undefined;

export async function needRedis(): Promise<RedisService> {
  refuseIfMissing('redis');
  redis ??= startRedis();
  return redis;
}

export async function needMariadb(): Promise<MariadbService> {
  refuseIfMissing('mariadb');
  mariadb ??= startMariadb();
  return mariadb;
}

/** The path of php. */
export function needPhp(): string {
  refuseIfMissing('php');
  return found.php!.cli;
}

/** The paths of php and phpunit, where Laravel's components can be loaded. */
export function needLaravel(): Readonly<Record<'cli' | 'phpunit', string>> {
  refuseIfMissing('laravel');
  return found.laravel!;
}

// Nothing on disk is wanted any more, so the quickest end will do. The guard does the same if this never runs.
afterAll(async () => {
  await Promise.all([redis, mariadb].map(async (service) => (await service)?.kill()));
  redis = undefined;
  mariadb = undefined;
});

function isRunnable(service: ServiceName): boolean {
  if (found[service] || isCi) return true;
  process.stderr.write(`services: ${service} is not installed: what needs it in ${suite} does NOT run\n`);
  return false;
}

function refuseIfMissing(service: ServiceName): void {
  if (!found[service]) throw new Error(`${suite} needs ${service}, which is not installed.`);
}
