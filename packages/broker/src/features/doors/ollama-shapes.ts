/** Ollama's way to say things: a JSON object, or one a line while it streams. */
import type { CreateRequest, Request } from '../../kernel/contract.generated.ts';
import {
  given,
  listIn,
  modelField,
  objectField,
  objectIn,
  onlySet,
  refuseFields,
  stopField,
  textField,
  type Body,
} from './door-fields.ts';
import type { Shape } from './door-answer.ts';

type Kind = 'generate' | 'chat';
type Answer = NonNullable<Request['result']>;

const NS_PER_MS = 1_000_000;
const UNSUPPORTED = ['suffix', 'template', 'raw', 'context', 'logprobs', 'top_logprobs'];

/** As Ollama, options that are not known are ignored. How long a model stays loaded is the broker's affair. */
export function inputOfOllama(kind: Kind, body: Body): CreateRequest {
  refuseFields(body, UNSUPPORTED);
  const format = given<unknown>(body, 'format');
  const tools = listIn(body, 'tools');
  const images = listIn(body, 'images');
  return onlySet({
    model: modelField(body),
    ...(kind === 'chat'
      ? { messages: messagesOf(body), tools: tools.length > 0 ? tools : undefined }
      : {
          prompt: textField(body, 'prompt'),
          system: textField(body, 'system') || undefined,
          images: images.length > 0 ? images : undefined,
        }),
    parameters: parametersOf(body),
    format: format === '' ? undefined : (format as CreateRequest['format']),
    metadata: { door: `ollama/${kind}` },
  }) as CreateRequest;
}

/** Nothing to answer: Ollama would load the model, or unload it. */
export function isLoad(kind: Kind, body: Body): boolean {
  const question = given<unknown>(body, kind === 'chat' ? 'messages' : 'prompt');
  return question === undefined || question === '' || (Array.isArray(question) && question.length === 0);
}

export function loadAnswer(kind: Kind, body: Body): object {
  const isUnload = /^0[a-z]*$/.test(String(body['keep_alive']));
  return {
    ...{ model: body['model'], created_at: new Date().toISOString() },
    ...said(kind, { text: '' }),
    ...{ done: true, done_reason: isUnload ? 'unload' : 'load' },
  };
}

function messagesOf(body: Body): CreateRequest['messages'] {
  return listIn(body, 'messages').map((one) => {
    const message = objectIn(one, 'messages');
    const more = MORE.map((name) => [name, given(message, name)] as const);
    const isSaid = (value: unknown): boolean => value !== '' && !(Array.isArray(value) && value.length === 0);
    return onlySet({
      ...{ role: message['role'], content: given(message, 'content') ?? '' },
      ...Object.fromEntries(more.filter(([, value]) => isSaid(value))),
    });
  }) as CreateRequest['messages'];
}

const MORE = ['thinking', 'images', 'tool_calls', 'tool_call_id', 'tool_name'];

/** The older route has one `prompt` and cuts it in any case, as the newer does unless told not to. */
export function inputOfEmbed(body: Body, isOld: boolean): CreateRequest {
  return onlySet({
    model: modelField(body),
    input: given<unknown>(body, isOld ? 'prompt' : 'input'),
    dimensions: given<number>(body, 'dimensions') || undefined,
    truncate: isOld || (given<boolean>(body, 'truncate') ?? true),
    parameters: onlySet({ num_ctx: given<number>(objectField(body, 'options'), 'num_ctx') }),
    metadata: { door: isOld ? 'ollama/embeddings' : 'ollama/embed' },
  }) as CreateRequest;
}

/** Nothing to embed: Ollama would load the model. */
export function emptyEmbed(body: Body, isOld: boolean): object | null {
  const input = given<unknown>(body, isOld ? 'prompt' : 'input');
  const isEmpty = input === undefined || input === '' || (Array.isArray(input) && input.length === 0);
  if (!isEmpty) return null;
  return isOld ? { embedding: [] } : { model: body['model'], embeddings: [] };
}

export function embedShape(model: string, isOld: boolean): Pick<Shape, 'whole'> {
  return {
    whole: (request) => {
      const embeddings = request.result!.embeddings!;
      if (isOld) return { embedding: embeddings[0] };
      const { total_duration, load_duration } = durationsOf(request);
      const prompt_eval_count = request.usage?.prompt_tokens;
      return onlySet({ model, embeddings, total_duration, load_duration, prompt_eval_count });
    },
  };
}

function parametersOf(body: Body): CreateRequest['parameters'] {
  const options = objectField(body, 'options');
  const limit = given<number>(options, 'num_predict');
  const seed = given<number>(options, 'seed');
  return onlySet({
    ...Object.fromEntries(SAME.map((name) => [name, given(options, name)])),
    stop: stopField(options),
    // Below zero is Ollama's "no limit"; here the broker's own holds.
    max_tokens: limit !== undefined && limit < 1 ? undefined : limit,
    seed: seed === -1 ? undefined : seed,
    think: given(body, 'think'),
  }) as CreateRequest['parameters'];
}

const SAME = [
  ...['temperature', 'top_p', 'top_k', 'min_p', 'typical_p', 'repeat_penalty', 'repeat_last_n'],
  ...['presence_penalty', 'frequency_penalty', 'num_ctx'],
];

/** A message in a conversation, a response to a prompt. */
function said(kind: Kind, { text = '', thinking, tool_calls }: Partial<Answer>): object {
  const more = onlySet({ thinking, tool_calls });
  if (kind === 'generate') return { response: text, ...more };
  return { message: { role: 'assistant', content: text, ...more } };
}

/** What waited, waited for a model as far as a client can tell. */
function durationsOf({ processing_time: processing, ...times }: Request) {
  const [from, start, to] = [times.created_at, times.started_at!, times.completed_at!].map(Date.parse);
  return {
    total_duration: (to! - from!) * NS_PER_MS,
    load_duration: (start! - from!) * NS_PER_MS,
    eval_duration: processing === null ? undefined : processing * NS_PER_MS,
  };
}

export function ollamaShape(kind: Kind, model: string): Shape {
  const line = (fields: object): string => `${JSON.stringify(fields)}\n`;
  const head = (): object => ({ model, created_at: new Date().toISOString() });
  const ending = (request: Request): object => {
    const { result, usage } = request;
    return onlySet({
      ...{ done: true, done_reason: result!.finish_reason },
      ...{ prompt_eval_count: usage?.prompt_tokens, eval_count: usage?.completion_tokens },
      ...durationsOf(request),
    });
  };
  return {
    whole: (request) => ({
      ...head(),
      ...said(kind, request.result!),
      ...ending(request),
    }),
    streamType: 'application/x-ndjson',
    piece: (piece) => line({ ...head(), ...said(kind, piece), done: false }),
    quiet: () => line({ ...head(), ...said(kind, {}), done: false }),
    end: (request) => {
      const { tool_calls } = request.result!;
      const asked = tool_calls ? line({ ...head(), ...said(kind, { tool_calls }), done: false }) : '';
      return asked + line({ ...head(), ...said(kind, {}), ...ending(request) });
    },
    broken: ({ message }) => line({ error: message }),
  };
}
