/** A real MariaDB of the test's own, as durable as in production, small enough to start in a second. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { type Daemon, freePort, startDaemon, temporaryDirectory } from './daemon.ts';
import { findServices } from './provide.ts';

const run = promisify(execFile);
const MAX_DUMP_BYTES = 512 * 1024 * 1024;

export interface MariadbService extends Daemon {
  readonly port: number;
  /** `mysql://root@127.0.0.1:PORT/DATABASE` */
  url(database: string): string;
  /** Makes an empty database that nobody else uses and returns its URL. */
  createDatabase(): Promise<string>;
  dropDatabase(url: string): Promise<void>;
  /** Everything in a database as SQL, binary columns raw; read as UTF-8, so text in them can be searched. */
  dump(database: string): Promise<string>;
}

/** `args` win over the small sizes that tests get. */
export async function startMariadb(options: { args?: readonly string[] } = {}): Promise<MariadbService> {
  const programs = findServices().mariadb;
  if (!programs) throw new Error('mariadb-server is not installed.');
  const directory = temporaryDirectory('mariadb');
  const data = join(directory, 'data');
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];
  const port = await freePort();
  // A folder of its own: two servers that share one may take each other's temporary tables away.
  const base = ['--no-defaults', ...asRoot, `--datadir=${data}`, `--tmpdir=${directory}`];
  const login = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
  await run(programs.install, [...base, ...login, '--innodb-log-file-size=16M']);
  const daemon = await startDaemon({
    name: 'mariadb',
    directory,
    port,
    binary: programs.server,
    args: [...base, ...serverOptions(directory, port), ...(options.args ?? [])],
    // The server speaks first: a greeting packet, whose fifth byte is the protocol version, or 0xff for an error.
    isReady: async (socket) => {
      const [greeting] = (await once(socket, 'data')) as [Buffer];
      return greeting[4] === 10;
    },
  });
  return {
    ...databases(port, programs.dump),
    port,
    get pid() {
      return daemon.pid;
    },
    stop: daemon.stop,
    kill: daemon.kill,
    restart: daemon.restart,
    freeze: daemon.freeze,
    thaw: daemon.thaw,
    discard: daemon.discard,
  };
}

function serverOptions(directory: string, port: number): string[] {
  return [
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(directory, 'mariadb.sock')}`,
    `--pid-file=${join(directory, 'mariadb.pid')}`,
    '--skip-name-resolve',
    '--skip-log-bin',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_unicode_ci',
    '--innodb-flush-log-at-trx-commit=1',
    '--innodb-log-file-size=16M',
    '--innodb-buffer-pool-size=64M',
    '--innodb-fast-shutdown=2',
    '--max-allowed-packet=64M',
    '--max-connections=200',
    '--performance-schema=off',
  ];
}

function databases(
  port: number,
  dumpProgram: string,
): Pick<MariadbService, 'url' | 'createDatabase' | 'dropDatabase' | 'dump'> {
  let made = 0;
  const url = (database: string) => `mysql://root@127.0.0.1:${port}/${database}`;

  async function asRoot(statement: string): Promise<void> {
    const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
    try {
      await connection.query(statement);
    } finally {
      await connection.end();
    }
  }

  async function createDatabase(): Promise<string> {
    const name = `fila_${process.pid}_${++made}`;
    await asRoot(`CREATE DATABASE ${name}`);
    return url(name);
  }

  async function dump(database: string): Promise<string> {
    const where = ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--protocol=tcp', '--user=root'];
    const how = ['--single-transaction', '--skip-hex-blob', '--skip-ssl', '--routines', database];
    const { stdout } = await run(dumpProgram, [...where, ...how], { maxBuffer: MAX_DUMP_BYTES });
    return stdout;
  }

  const dropDatabase = (at: string): Promise<void> =>
    asRoot(`DROP DATABASE ${new URL(at).pathname.slice(1)}`);

  return { url, createDatabase, dropDatabase, dump };
}
