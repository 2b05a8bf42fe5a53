/** The flags that say what a key may do and when: kinds of calls, models, queues, networks, times. Loads nothing: help shows them. */
import type { Command } from 'commander';

export const SCOPES = [
  'requests:write',
  'requests:read',
  'models:read',
  'models:write',
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

/** The words for no restriction: of a list, of the start, of the end. */
export const ANY = 'any';
export const NOW = 'now';
export const NEVER = 'never';

export function addRightFlags(command: Command): Command {
  return command
    .option('--scopes <list>', `kinds of calls, of ${SCOPES.join(', ')}; ${ANY} = all but models:write`)
    .option('--models <list>', `models it may use, such as llama3:8b,qwen*; ${ANY} = any`)
    .option('--queues <list>', `queues it may use; ${ANY} = any`)
    .option('--from <list>', `addresses and networks it may call from, such as 10.0.0.0/8; ${ANY} = anywhere`)
    .option('--starts <when>', `refuse it for 12h, or until 2027-01-01 (UTC); ${NOW} = it is good at once`)
    .option(
      '--expires <when>',
      `refuse it after 365d, or from 2027-01-01 on (UTC); ${NEVER} = it has no end`,
    );
}
