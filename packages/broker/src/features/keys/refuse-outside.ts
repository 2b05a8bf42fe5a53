/** The stage that refuses a request for a model or a queue that its key may not use. */
import { fail } from '../../kernel/errors.ts';
import { modelNotAllowed } from '../../kernel/key-rights.ts';
import { DEFAULT_QUEUE } from '../../kernel/lanes.ts';
import type { Arrival } from '../requests/requests.ts';

/** The model that is meant counts, not the alias that it was asked for by. */
export async function refuseOutside<Out>(
  arrival: Arrival,
  next: (arrival: Arrival) => Promise<Out>,
): Promise<Out> {
  const { key, input, model } = arrival;
  const { queue = DEFAULT_QUEUE } = input;
  if (model === undefined || !key.rights.mayUseModel(model)) throw modelNotAllowed(String(model));
  if (!key.rights.mayUseQueue(queue))
    throw fail('queue_not_allowed', {
      detail: `This key may not use the queue ${queue}.`,
      errors: [{ pointer: '/queue', detail: 'must be a queue that the key may use' }],
    });
  return next(arrival);
}
