import { describe, expect, it } from 'vitest';
import { NO_LIMITS } from '../../kernel/key-limits.ts';
import { ALL_STORED_RIGHTS, rightsOf, type StoredRights } from '../../kernel/key-rights.ts';
import type { Accepted } from '../requests/requests.ts';
import { refuseOutside } from './refuse-outside.ts';

const ACCEPTED = {} as Accepted;

function send(input: { model?: string; queue?: string }, rights: Partial<StoredRights>): Promise<Accepted> {
  const known = { id: 'key_1', name: 'shop', plan: null, expiresAt: null, ...NO_LIMITS };
  const key = { ...known, rights: rightsOf({ ...ALL_STORED_RIGHTS, ...rights }) };
  const model = input.model ?? 'llama3:8b';
  const arrival = { key, input: { prompt: 'x', ...input }, idempotencyKey: null, model };
  return refuseOutside(arrival, async () => ACCEPTED);
}

describe('a request', () => {
  it('goes on with a model and a queue that its key may use', async () => {
    const rights = { allowedModels: ['llama3*'], allowedQueues: ['night'] };
    expect(await send({ model: 'llama3:70b', queue: 'night' }, rights)).toBe(ACCEPTED);
    expect(await send({ model: 'any', queue: 'any' }, {})).toBe(ACCEPTED);
  });

  it('is refused with another model, also with the one that is meant when none is named', async () => {
    for (const model of ['qwen', undefined])
      await expect(send({ model }, { allowedModels: ['gemma*'] })).rejects.toMatchObject({
        ...{ code: 'model_not_allowed', status: 403 },
      });
  });

  it('is refused in another queue, also in the default one when none is named', async () => {
    for (const queue of ['day', undefined])
      await expect(send({ queue }, { allowedQueues: ['night'] })).rejects.toMatchObject({
        ...{ code: 'queue_not_allowed', status: 403 },
      });
  });
});
