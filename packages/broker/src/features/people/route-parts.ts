/** What the routes of people have in common. */
import type { FastifyRequest } from 'fastify';
import { fail } from '../../kernel/errors.ts';
import type { Caller } from './permissions.ts';

export type WithId = { Params: { id: string } };

export function idOf(what: string) {
  const id = { type: 'string', description: `Id of the ${what}.` };
  return { type: 'object', required: ['id'], properties: { id } };
}

/** Who calls, on a route with access `admin`. */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (!caller) throw fail('unauthorized');
  return caller;
}
