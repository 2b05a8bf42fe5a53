/** From the flags that say what a key may do to the fields of the API. */
import type { CreateApiKey } from '@fila/sdk';
import { usageError } from '../../output/error-text.ts';
import { momentToCome } from '../moment-to-come.ts';
import { ANY, NEVER, NOW, SCOPES, type RightFlags } from './right-flags.ts';

type Rights = Pick<
  CreateApiKey,
  'scopes' | 'allowed_models' | 'allowed_queues' | 'allowed_ips' | 'not_before' | 'expires_at'
>;

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
