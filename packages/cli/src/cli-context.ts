/** What a command gets: the daemon through the SDK, where its words go, the clock, and somebody to ask. */
import type { Fila } from '@fila/sdk';
import type { Format } from './options.ts';
import { usageError } from './output/error-text.ts';
import { createOut, type Out, type OutStream } from './output/out.ts';
import { findDataDir, findProfile, isLoopback, type ConnectionOptions, type Environment } from './profile.ts';

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
  /** The daemon, with the admin token (keys, dlq, operations), an API key (requests) or nothing (health). */
  sdk(as: 'admin' | 'client' | 'anyone'): Promise<Fila>;
  /** Where the daemon is, and the data folder that a daemon of this machine has. */
  place(): Place;
  /** One line, from the terminal. */
  ask(question: string): Promise<string>;
  /** All of stdin. */
  readInput(): Promise<string>;
}

export function createContext(host: Host, options: GlobalOptions): CliContext {
  const { stdin, stdout, stderr, env, now } = host;
  const canAsk = options.input && !env['FILA_NO_INPUT'] && stdin.isTTY === true && stderr.isTTY === true;
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
    sdk: async (as) => {
      const profile = findProfile(options, env);
      const credential =
        as === 'admin'
          ? { adminToken: profile.adminToken() }
          : as === 'client'
            ? { apiKey: profile.apiKey() }
            : {};
      const { Fila } = await import('@fila/sdk');
      return new Fila({ url: profile.url, ...credential, userAgent: 'fila-cli' });
    },
    place: () => {
      const { url } = findProfile(options, env);
      return { url, dataDir: findDataDir(env), isLocal: isLoopback(url) };
    },
    ask: async (question) => {
      const { createInterface } = await import('node:readline');
      const lines = createInterface({ input: stdin, output: stderr as unknown as NodeJS.WritableStream });
      const answer = await new Promise<string>((answered) => {
        lines.question(question, answered);
        // Ctrl-D and Ctrl-C close it without an answer: that is an empty one.
        lines.once('close', () => answered(''));
      });
      lines.close();
      return answer.trim();
    },
    readInput: async () => {
      if (stdin.isTTY) throw usageError('Nothing was piped in: stdin is a terminal');
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}
