/** The errors of Ollama, in its own words and with its own statuses. */
import type { InstalledModel } from './catalogue.ts';
import { isCloudName, isModelName } from './catalogue.ts';
import type { FaultName } from './faults.ts';
import { Refusal, refuse } from './http-answers.ts';
import type { Simulation } from './simulation.ts';

/** The two spaces are Ollama's. */
export const SERVER_BUSY = refuse(503, 'server busy, please try again.  maximum pending requests exceeded');
export const REQUEST_CANCELED = refuse(499, 'request canceled');
export const PROMPT_TOO_LONG = refuse(
  400,
  'the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, or use a model with a longer context length',
);
export const INPUT_TOO_LONG = refuse(400, 'the input length exceeds the context length');
export const RUNNER_STOPPED =
  'model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details';
export const RUNNER_FAILED = 'an error was encountered while running the model: unexpected EOF';

const LOAD_TIMED_OUT = 'timed out waiting for llama-server to start: context deadline exceeded';
const MODEL_REQUIRED = refuse(400, 'model is required');

/** The model a call names, or why it cannot have it. */
export function resolveModel(
  { catalogue, settings }: Simulation,
  route: string,
  name: string,
): InstalledModel | Refusal {
  if (name === '')
    return route === '/api/chat' || route === '/api/embeddings' ? MODEL_REQUIRED : notFound(route, name);
  if (!isModelName(name)) return refuse(400, 'invalid model name');
  const model = catalogue.find(name);
  const isRemote = model?.remoteHost !== undefined || isCloudName(name);
  if (isRemote && settings.cloudDisabled)
    return refuse(403, 'ollama cloud is disabled: remote model is unavailable');
  if (model) return model;
  if (isRemote) return new Refusal(401, 'unauthorized', 'https://ollama.com/connect?name=simulated&key=none');
  return notFound(route, name);
}

/** The refusal that a fault stands for; undefined for faults of another kind. */
export function refusalOf(fault: FaultName | undefined, route: string, model: string): Refusal | undefined {
  switch (fault) {
    case 'error_500':
      return refuse(500, RUNNER_STOPPED);
    case 'error_500_running':
      return refuse(500, RUNNER_FAILED);
    case 'error_500_load':
      return refuse(500, LOAD_TIMED_OUT);
    case 'error_503':
      return SERVER_BUSY;
    case 'error_404':
      return notFound(route, model);
    case 'error_400_context':
      return isEmbedding(route) ? INPUT_TOO_LONG : PROMPT_TOO_LONG;
    default:
      return undefined;
  }
}

function notFound(route: string, name: string): Refusal {
  return isEmbedding(route) && name !== ''
    ? refuse(404, `model ${JSON.stringify(name)} not found, try pulling it first`)
    : refuse(404, `model '${name}' not found`);
}

function isEmbedding(route: string): boolean {
  return route.startsWith('/api/embed');
}
