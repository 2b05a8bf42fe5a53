/** Models: which ones a request may name. */
import { fail } from '../../kernel/errors.ts';
import type { Arrival } from '../requests/requests.ts';

export interface Models {
  /** A model whose very name says that Ollama forwards it is refused at the door; upstreams know the others. */
  refuseCloud<Out>(request: Arrival, next: (request: Arrival) => Promise<Out>): Promise<Out>;
}

interface ModelsDeps {
  readonly allowCloudModels: boolean;
  readonly isCloudModel: (name: string) => boolean;
}

export function createModels({ allowCloudModels, isCloudModel }: ModelsDeps): Models {
  return {
    refuseCloud: async (request, next) => {
      const { model } = request.input;
      if (allowCloudModels || model === undefined || !isCloudModel(model)) return next(request);
      throw fail('validation_failed', {
        detail: 'The model runs in a cloud: the prompt would leave this house, which is not allowed here.',
        errors: [{ pointer: '/model', detail: 'must not be a cloud model' }],
      });
    },
  };
}
