/** Which requests `list` and `export` are about, and whose. */
import type { Request } from '@fila/sdk';
import { momentOf } from '../moment-of.ts';

export interface RequestFilterFlags {
  readonly allKeys?: boolean;
  readonly key?: string;
  readonly status?: Request['status'];
  readonly model?: string;
  readonly queue?: string;
  readonly since?: string;
  readonly until?: string;
}

export type RequestFilter = Pick<RequestFilterFlags, 'status' | 'model' | 'queue'> & {
  readonly created_after?: string;
  readonly created_before?: string;
};

export function requestFilter(flags: RequestFilterFlags, nowMs: number): RequestFilter {
  const { status, model, queue, since, until } = flags;
  return {
    ...{ status, model, queue },
    created_after: momentOf('--since', since, nowMs),
    created_before: momentOf('--until', until, nowMs),
  };
}

/** Whether it is an operator who asks, about keys that are not the caller's own. */
export function isOfOthers({ allKeys, key }: RequestFilterFlags): boolean {
  return allKeys === true || key !== undefined;
}
