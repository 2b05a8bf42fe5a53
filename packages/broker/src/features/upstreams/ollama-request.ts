/** A call in Ollama's words: the path, and the body it is asked with. */
import type { ModelCall, ModelParameters, OllamaClientOptions } from './ollama-client.ts';

export const DEFAULT_MAX_TOKENS = 4_096;
const NO_PARAMETERS: ModelParameters = {};

/**
 * Always streams, always limits the answer, always says whether to think (Ollama's default is to), and never lets a
 * prompt be cut in silence (`truncate: false`).
 *
 * `shift` is left as the upstream has it. Another value than the loaded model's makes Ollama load it again, 5 to 190
 * seconds, on every turn between us and anybody else who uses that server; the limit on the answer bounds what a
 * shifting context can do.
 */
export function ollamaRequest(call: ModelCall, options: OllamaClientOptions): { path: string; body: string } {
  if (call.input !== undefined) return embedRequest(call, options);
  const sampling = call.parameters ?? NO_PARAMETERS;
  const { think = false, max_tokens } = sampling;
  const common = {
    model: call.model,
    stream: true,
    think,
    truncate: false,
    format: call.format,
    keep_alive: options.keepAlive,
    options: {
      temperature: sampling.temperature,
      top_p: sampling.top_p,
      top_k: sampling.top_k,
      min_p: sampling.min_p,
      typical_p: sampling.typical_p,
      seed: sampling.seed,
      stop: sampling.stop,
      repeat_penalty: sampling.repeat_penalty,
      repeat_last_n: sampling.repeat_last_n,
      presence_penalty: sampling.presence_penalty,
      frequency_penalty: sampling.frequency_penalty,
      num_ctx: sampling.num_ctx,
      num_predict: max_tokens ?? options.defaultMaxTokens ?? DEFAULT_MAX_TOKENS,
    },
  };
  if (!call.messages) {
    const { prompt, system, images } = call;
    return { path: '/api/generate', body: JSON.stringify({ ...common, prompt, system, images }) };
  }
  const system = call.system === undefined ? [] : [{ role: 'system', content: call.system }];
  return {
    path: '/api/chat',
    body: JSON.stringify({ ...common, tools: call.tools, messages: [...system, ...call.messages] }),
  };
}

/** Of the parameters only the context means something here. */
function embedRequest(call: ModelCall, { keepAlive }: OllamaClientOptions): { path: string; body: string } {
  const { model, input, dimensions, truncate = false, parameters } = call;
  const options = { num_ctx: parameters?.num_ctx };
  return {
    path: '/api/embed',
    body: JSON.stringify({ model, input, dimensions, truncate, keep_alive: keepAlive, options }),
  };
}
