/** What a command gets: the daemon through the SDK, where its words go, the clock, and somebody to ask. */
import type { Fila } from '@fila/sdk';
import type { Asking } from './ask-lines.ts';
import type { Format } from './options.ts';
import { usageError } from './output/error-text.ts';
import { createOut, type Out, type OutStream } from './output/out.ts';
import {
  findDataDir,
  findProfile,
  isLoopback,
  type ConnectionOptions,
  type Environment,
  type Profile,
} from './profile.ts';

/** What the process lends to the program; tests lend something else. */
export interface Host {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: OutStream;
  readonly stderr: OutStream;
  readonly env: Environment;
  readonly now: () => number;
  /** Where SIGINT and SIGTERM arrive. */
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

export interface GlobalOptions extends ConnectionOptions {
  readonly output?: Format;
  readonly json?: boolean;
  readonly color: boolean;
  readonly quiet?: boolean;
  readonly why?: string;
  readonly yes?: boolean;
  readonly input: boolean;
}

export interface Place {
  readonly url: string;
  readonly dataDir: string;
  /** Whether the daemon runs on this machine. */
  readonly isLocal: boolean;
}

export interface CliContext {
  readonly host: Host;
  readonly out: Out;
  /** Whether --yes was given. */
  readonly isSure: boolean;
  /** Whether --quiet was given. */
  readonly isQuiet: boolean;
  /** Whether there is a person to ask: a terminal, without --no-input. */
  readonly canAsk: boolean;
  now(): number;
  /** Where the daemon is, and what opens it. */
  profile(): Profile;
  /** The daemon, with a session or the admin token (keys, dlq, operations), an API key (requests), or nothing. */
  sdk(as: 'admin' | 'client' | 'anyone'): Promise<Fila>;
  /** Where the daemon is, and the data folder that a daemon of this machine has. */
  place(): Place;
  /** One line, from the terminal. */
  ask(question: string): Promise<string>;
  /** One line that is not shown while it is typed. */
  askSecret(question: string): Promise<string>;
  /** All of stdin. */
  readInput(): Promise<string>;
}

export function createContext(host: Host, options: GlobalOptions): CliContext {
  const { stdin, stdout, stderr, env, now } = host;
  const canAsk = options.input && !env['FILA_NO_INPUT'] && stdin.isTTY === true && stderr.isTTY === true;
  const profile = (): Profile => findProfile(options, env, now);
  let opened: Promise<Asking> | undefined;
  const asking = (): Promise<Asking> =>
    (opened ??= import('./ask-lines.ts').then(({ askingOn }) => askingOn({ input: stdin, output: stderr })));
  return {
    host,
    out: createOut({
      stdout,
      stderr,
      env,
      format: options.json ? 'json' : (options.output ?? 'table'),
      color: options.color,
      quiet: options.quiet === true,
      now,
    }),
    isSure: options.yes === true,
    isQuiet: options.quiet === true,
    canAsk,
    now,
    profile,
    sdk: async (as) => {
      const found = profile();
      const credential =
        as === 'admin'
          ? { adminToken: found.adminToken() }
          : as === 'client'
            ? { apiKey: found.apiKey() }
            : {};
      const { Fila } = await import('@fila/sdk');
      const why = options.why === undefined ? {} : { fetch: saying(options.why) };
      return new Fila({ url: found.url, ...credential, ...why, userAgent: 'fila-cli' });
    },
    place: () => {
      const { url } = profile();
      return { url, dataDir: findDataDir(env), isLocal: isLoopback(url) };
    },
    ask: async (question) => (await asking()).line(question),
    askSecret: async (question) => (await asking()).secret(question),
    readInput: async () => {
      if (stdin.isTTY) throw usageError('Nothing was piped in: stdin is a terminal');
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}

/** Each call says why it is made. */
function saying(why: string): (url: string, init: RequestInit) => Promise<Response> {
  const reason = encodeURIComponent(why.toWellFormed());
  return (url, init) => {
    const headers = new Headers(init.headers);
    headers.set('x-fila-reason', reason);
    return fetch(url, { ...init, headers });
  };
}
