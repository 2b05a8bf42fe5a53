/** Finds the programs that tests need beside Node, and installs those that are missing. Plain Node can import it. */
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

const EXTRA_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const POLICY_FILE = '/usr/sbin/policy-rc.d';

/** Each service: the Debian packages that bring it and its programs, each under the names it may have; a path is a file to read. */
const SERVICES = {
  redis: { packages: ['redis-server'], programs: { server: ['redis-server'] } },
  mariadb: {
    packages: ['mariadb-server'],
    programs: {
      server: ['mariadbd', 'mysqld'],
      install: ['mariadb-install-db', 'mysql_install_db'],
      dump: ['mariadb-dump', 'mysqldump'],
    },
  },
  php: { packages: ['php-cli'], programs: { cli: ['php'] } },
  laravel: {
    packages: ['php-cli', 'php-curl', 'php-laravel-framework', 'php-guzzlehttp-guzzle', 'phpunit'],
    programs: {
      cli: ['php'],
      framework: ['/usr/share/php/Illuminate/autoload.php'],
      http: ['/usr/share/php/GuzzleHttp/autoload.php'],
      phpunit: ['phpunit'],
    },
  },
  tmux: { packages: ['tmux'], programs: { terminal: ['tmux'] } },
} as const;

export type ServiceName = keyof typeof SERVICES;

/** The full path of each program of a service. */
export type Programs<Name extends ServiceName> = Record<keyof (typeof SERVICES)[Name]['programs'], string>;

/** What this machine has; a service is there when all its programs are. */
export type FoundServices = { readonly [Name in ServiceName]: Programs<Name> | undefined };

export interface MissingService {
  readonly service: ServiceName;
  readonly reason: string;
}

export function findServices(): FoundServices {
  return {
    redis: findPrograms('redis'),
    mariadb: findPrograms('mariadb'),
    php: findPrograms('php'),
    laravel: findPrograms('laravel'),
    tmux: findPrograms('tmux'),
  };
}

/** Installs what is missing where that is possible (root on Debian or Ubuntu); returns what is still missing, and why. */
export function installMissing(say: (line: string) => void = console.log): MissingService[] {
  const wanted = missingServices();
  if (wanted.length === 0) return [];
  const packages = [...new Set(wanted.flatMap((name) => SERVICES[name].packages))];
  const obstacle = whyNotInstall() ?? aptInstall(packages, say);
  return missingServices().map((service) => ({
    service,
    reason: obstacle ?? `${SERVICES[service].packages.join(', ')} did not bring all that it takes`,
  }));
}

function missingServices(): ServiceName[] {
  const found = findServices();
  return (Object.keys(SERVICES) as ServiceName[]).filter((name) => !found[name]);
}

function findPrograms<Name extends ServiceName>(service: Name): Programs<Name> | undefined {
  const paths: Record<string, string> = {};
  for (const [role, names] of Object.entries(SERVICES[service].programs)) {
    const path = (names as readonly string[]).map(findProgram).find((found) => found !== undefined);
    if (!path) return undefined;
    paths[role] = path;
  }
  return paths as Programs<Name>;
}

function findProgram(name: string): string | undefined {
  if (isAbsolute(name)) return existsSync(name) ? name : undefined;
  const directories = [...(process.env['PATH'] ?? '').split(':'), ...EXTRA_DIRECTORIES];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function whyNotInstall(): string | undefined {
  if (process.platform !== 'linux' || !findProgram('apt-get'))
    return 'this system has no apt-get to install it with';
  if (process.getuid?.() !== 0) return 'only root can install packages';
  return undefined;
}

/** Returns what went wrong, if anything did. */
function aptInstall(packages: readonly string[], say: (line: string) => void): string | undefined {
  say(`services: installing ${packages.join(', ')} (no packaged daemon is started)`);
  return withoutStartingDaemons(() => {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      say(`services: apt-get ${args.join(' ')}`);
      const run = spawnSync('apt-get', args, {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
        stdio: ['ignore', 'ignore', 'pipe'],
        encoding: 'utf8',
      });
      if (run.status !== 0)
        return `apt-get ${args[0]} failed: ${run.error?.message ?? run.stderr.trim().split('\n').at(-1) ?? ''}`;
    }
    return undefined;
  });
}

/** Debian asks policy-rc.d before it starts a daemon; 101 forbids it. One that is already there is left alone. */
function withoutStartingDaemons<T>(run: () => T): T {
  if (existsSync(POLICY_FILE)) return run();
  writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n');
  chmodSync(POLICY_FILE, 0o755);
  try {
    return run();
  } finally {
    rmSync(POLICY_FILE, { force: true });
  }
}
