/** `fila context list`, `use`, `add` and `remove`: several brokers by name. */
import { resolve } from 'node:path';
import type { CliContext } from '../../cli-context.ts';
import {
  CONTEXT_NAME,
  LOCAL,
  readContexts,
  readSession,
  removeSession,
  writeContexts,
} from '../../contexts.ts';
import { CliError, usageError } from '../../output/error-text.ts';
import { EXIT } from '../../output/exit-codes.ts';
import { listPrinter } from '../../output/formats.ts';
import type { Column } from '../../output/table.ts';
import { findProfile } from '../../profile.ts';

interface ContextRow {
  readonly name: string;
  readonly url: string;
  readonly current: boolean;
  readonly user: string | null;
}

const COLUMNS: Column<ContextRow>[] = [
  {
    header: 'CURRENT',
    cell: ({ current }) => ({ exact: current ? 'yes' : '', shown: current ? '●' : '', tone: 'ok' }),
  },
  { header: 'NAME', cell: ({ name }) => ({ exact: name, tone: 'strong' }) },
  { header: 'URL', yields: true, cell: ({ url }) => ({ exact: url }) },
  { header: 'SIGNED-IN', cell: ({ user }) => ({ exact: user ?? '', shown: user ?? '-' }) },
];

export async function listContexts({ host, out, now }: CliContext): Promise<void> {
  const { current, contexts } = readContexts(host.env);
  const here = findProfile({ context: LOCAL }, { ...host.env, FILA_URL: undefined }).url;
  const rows = [
    [LOCAL, here] as const,
    ...Object.entries(contexts).map(([name, { url }]) => [name, url] as const),
  ];
  const printer = listPrinter(out, { columns: COLUMNS, name: ({ name }) => name });
  printer.page(
    rows.map(([name, url]) => ({
      ...{ name, url, current: name === (current ?? LOCAL) },
      user: readSession(host.env, url, now())?.user ?? null,
    })),
  );
  await printer.end(null);
}

export interface AddContextFlags {
  readonly tokenFile?: string;
  readonly apiKeyFile?: string;
}

export async function addContext(
  { host, out }: CliContext,
  name: string,
  url: string,
  flags: AddContextFlags,
) {
  if (!CONTEXT_NAME.test(name) || name === LOCAL)
    throw usageError(`${name} cannot be the name of a context: letters, digits and . _ -, and not ${LOCAL}`);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw usageError(`${url} is no URL such as https://fila.example:7433`);
  const { current, contexts } = readContexts(host.env);
  const context = {
    url: url.replace(/\/+$/, ''),
    ...(flags.tokenFile === undefined ? {} : { tokenFile: resolve(flags.tokenFile) }),
    ...(flags.apiKeyFile === undefined ? {} : { apiKeyFile: resolve(flags.apiKeyFile) }),
  };
  writeContexts(host.env, { current, contexts: { ...contexts, [name]: context } });
  out.print(`context/${name} added`);
  out.notice(`Use it:  fila context use ${name}   (or once: --context ${name})`);
}

export async function useContext({ host, out }: CliContext, name: string): Promise<void> {
  const { contexts } = readContexts(host.env);
  if (name !== LOCAL && !Object.hasOwn(contexts, name)) throw unknown(name);
  writeContexts(host.env, { current: name === LOCAL ? null : name, contexts });
  out.print(`context/${name} is used from now on`);
}

/** With it goes the session that was kept for it; the broker ends it by itself. */
export async function removeContext({ host, out }: CliContext, name: string): Promise<void> {
  const { current, contexts } = readContexts(host.env);
  if (!Object.hasOwn(contexts, name)) throw unknown(name);
  const { [name]: removed, ...left } = contexts;
  writeContexts(host.env, { current: current === name ? null : current, contexts: left });
  removeSession(host.env, removed!.url);
  out.print(`context/${name} removed`);
}

function unknown(name: string): CliError {
  return new CliError({
    ...{ exitCode: EXIT.notFound, code: 'not_found', what: `There is no context "${name}"` },
    next: [['See which there are', 'fila context list']],
  });
}
