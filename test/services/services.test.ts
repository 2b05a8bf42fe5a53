/** The servers for tests start, break and leave nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import { describe, expect, it, vi } from 'vitest';
import { mariadbAvailable, needMariadb, needRedis, redisAvailable } from './need.ts';
import { findServices, installMissing } from './provide.ts';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe.skipIf(!redisAvailable)('Redis for tests', () => {
  it('is one per process, answers at once and comes back empty after a crash', async () => {
    const service = await needRedis();
    expect(await needRedis()).toBe(service);
    const client = new Redis(service.url);
    client.on('error', () => {});
    expect(await client.set('a', '1')).toBe('OK');
    const firstPid = service.pid;

    await service.kill();
    expect(isAlive(firstPid)).toBe(false);
    await service.restart();
    expect(service.pid).not.toBe(firstPid);
    expect(await client.get('a')).toBeNull();
    await service.stop();
    expect(isAlive(service.pid)).toBe(false);
    await service.restart();
    client.disconnect();
  });

  it('dies with its test process, also when that is killed', async () => {
    const module = new URL('./redis-service.ts', import.meta.url).href;
    const script = `const { readlinkSync } = await import('node:fs');
      const { startRedis } = await import(${JSON.stringify(module)});
      const { pid, port } = await startRedis();
      console.log(JSON.stringify({ port, directory: readlinkSync('/proc/' + pid + '/cwd') }));
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await Promise.race([once(owner.stdout, 'data'), once(owner, 'exit')]);
    const { port, directory } = JSON.parse(String(line)) as { port: number; directory: string };
    expect(await answers(port)).toBe(true);
    expect(existsSync(directory)).toBe(true);
    owner.kill('SIGKILL');
    const isGone = async () => !(await answers(port)) && !existsSync(directory);
    await vi.waitFor(async () => expect(await isGone()).toBe(true), 5000);
  });
});

describe.skipIf(!mariadbAvailable)('MariaDB for tests', () => {
  it('gives databases of their own, keeps what was committed over a crash, and dumps bytes as they are', async () => {
    const service = await needMariadb();
    const url = await service.createDatabase();
    expect(await service.createDatabase()).not.toBe(url);
    let connection = await createConnection(url);
    await connection.query('CREATE TABLE t (body BLOB)');
    await connection.query('INSERT INTO t VALUES (?)', [Buffer.from('a secret: ção')]);
    const [settings] = await connection.query(
      'SELECT @@collation_database AS collation, @@innodb_flush_log_at_trx_commit AS flush, @@bind_address AS address',
    );
    expect(settings).toEqual([{ collation: 'utf8mb4_unicode_ci', flush: 1, address: '127.0.0.1' }]);
    connection.on('error', () => {});

    await service.kill();
    await service.restart();
    connection = await createConnection(url);
    const [rows] = await connection.query('SELECT CAST(body AS CHAR) AS body FROM t');
    expect(rows).toEqual([{ body: 'a secret: ção' }]);
    await connection.end();
    expect(await service.dump(url.split('/').at(-1)!)).toContain('a secret: ção');
  });
});

describe('what the tests stand on', () => {
  it('is found or reported with a reason, never silently missing', () => {
    const found = findServices();
    expect(Object.keys(found)).toEqual(['redis', 'mariadb', 'php', 'laravel', 'tmux']);
    for (const programs of Object.values(found))
      for (const file of Object.values(programs ?? {})) expect(existsSync(file)).toBe(true);
    if (Object.values(found).every(Boolean)) expect(installMissing()).toEqual([]);
  });
});
