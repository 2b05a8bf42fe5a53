/** Models: which one a request means, and which ones it may name. */
import { fail } from '../../kernel/errors.ts';
import type { Arrival } from '../requests/requests.ts';
import type { Aliases } from './aliases.ts';

export type { Aliases } from './aliases.ts';

export interface Models {
  /** Where the name is an alias, that of the client or the default, the request is of the model that is meant. */
  resolve<Out>(arrival: Arrival, next: (arrival: Arrival) => Promise<Out>): Promise<Out>;
  /** A model whose very name says that Ollama forwards it is refused at the door; upstreams know the others. */
  refuseCloud<Out>(arrival: Arrival, next: (arrival: Arrival) => Promise<Out>): Promise<Out>;
}

interface ModelsDeps {
  readonly aliases: Pick<Aliases, 'modelOf'>;
  readonly defaultModel: () => string;
  readonly allowCloudModels: boolean;
  readonly isCloudModel: (name: string) => boolean;
}

export function createModels({ aliases, defaultModel, allowCloudModels, isCloudModel }: ModelsDeps): Models {
  return {
    resolve: (arrival, next) => {
      return next({ ...arrival, model: aliases.modelOf(arrival.input.model ?? defaultModel()) });
    },
    refuseCloud: async (arrival, next) => {
      const { model } = arrival;
      if (allowCloudModels || model === undefined || !isCloudModel(model)) return next(arrival);
      throw fail('validation_failed', {
        detail: 'The model runs in a cloud: the prompt would leave this house, which is not allowed here.',
        errors: [{ pointer: '/model', detail: 'must not be a cloud model' }],
      });
    },
  };
}
