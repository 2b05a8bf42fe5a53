/** The flags that say what a key may do and when: kinds of calls, models, queues, networks, times. */
import type { Command } from 'commander';
import type { CreateApiKey } from '@fila/sdk';
import { usageError } from '../../output/error-text.ts';
import { momentToCome } from '../moment-to-come.ts';

export const SCOPES = [
  'requests:write',
  'requests:read',
  'models:read',
  'webhooks:write',
  'webhooks:read',
] as const;

export interface RightFlags {
  readonly scopes?: string;
  readonly models?: string;
  readonly queues?: string;
  readonly from?: string;
  readonly starts?: string;
  readonly expires?: string;
}

export type RightName = keyof RightFlags;
type Rights = Pick<
  CreateApiKey,
  'scopes' | 'allowed_models' | 'allowed_queues' | 'allowed_ips' | 'not_before' | 'expires_at'
>;

/** The words for no restriction: of a list, of the start, of the end. */
const ANY = 'any';
const NOW = 'now';
const NEVER = 'never';

export function addRightFlags(command: Command): Command {
  return command
    .option('--scopes <list>', `kinds of calls, of ${SCOPES.join(', ')}; ${ANY} = all`)
    .option('--models <list>', `models it may use, such as llama3:8b,qwen*; ${ANY} = any`)
    .option('--queues <list>', `queues it may use; ${ANY} = any`)
    .option('--from <list>', `addresses and networks it may call from, such as 10.0.0.0/8; ${ANY} = anywhere`)
    .option('--starts <when>', `refuse it for 12h, or until 2027-01-01 (UTC); ${NOW} = it is good at once`)
    .option(
      '--expires <when>',
      `refuse it after 365d, or from 2027-01-01 on (UTC); ${NEVER} = it has no end`,
    );
}

/** Those that were given, as the API calls them. */
export function rightsOf(flags: RightFlags, nowMs: number): Rights {
  const { scopes, models, queues, from, starts, expires } = flags;
  return {
    ...(scopes === undefined ? {} : { scopes: scopesOf(scopes) }),
    ...(models === undefined ? {} : { allowed_models: listOf(models) }),
    ...(queues === undefined ? {} : { allowed_queues: listOf(queues) }),
    ...(from === undefined ? {} : { allowed_ips: listOf(from) }),
    ...(starts === undefined ? {} : { not_before: whenOf('--starts', starts, { none: NOW, nowMs }) }),
    ...(expires === undefined ? {} : { expires_at: whenOf('--expires', expires, { none: NEVER, nowMs }) }),
  };
}

function whenOf(flag: string, text: string, { none, nowMs }: { none: string; nowMs: number }): string | null {
  return text === none ? null : momentToCome(flag, text, nowMs);
}

function listOf(text: string): string[] | null {
  if (text === ANY) return null;
  const list = text.split(',').map((one) => one.trim());
  if (list.includes('')) throw usageError(`${text} is no list: names, separated by commas`);
  return list;
}

function scopesOf(text: string): Rights['scopes'] {
  const names = listOf(text);
  if (names === null) return null;
  return names.map((name) => {
    const scope = SCOPES.find((one) => one === name);
    if (!scope) throw usageError(`There is no scope ${name}`, [['There are', SCOPES.join(', ')]]);
    return scope;
  });
}
