/** Ollama's way to say things: a JSON object, or one a line while it streams. */
import type { CreateRequest, Request } from '../../kernel/contract.generated.ts';
import {
  given,
  modelField,
  objectField,
  objectIn,
  onlySet,
  refuseFields,
  stopField,
  textField,
  wrongField,
  type Body,
} from './door-fields.ts';
import type { Shape } from './door-answer.ts';

type Kind = 'generate' | 'chat';

const NS_PER_MS = 1_000_000;
const UNSUPPORTED = ['tools', 'images', 'suffix', 'template', 'raw', 'context', 'logprobs', 'top_logprobs'];

/** As Ollama, options that are not known are ignored. How long a model stays loaded is the broker's affair. */
export function inputOfOllama(kind: Kind, body: Body): CreateRequest {
  refuseFields(body, UNSUPPORTED);
  const format = given<unknown>(body, 'format');
  return onlySet({
    model: modelField(body),
    ...(kind === 'chat' ? { messages: messagesOf(body) } : { prompt: textField(body, 'prompt') }),
    system: kind === 'generate' ? textField(body, 'system') || undefined : undefined,
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
  const messages = given<unknown>(body, 'messages');
  if (!Array.isArray(messages)) throw wrongField('messages', 'must be a list');
  return messages.map((one: unknown) => {
    const message = objectIn(one, 'messages');
    refuseFields(message, ['images', 'tool_calls']);
    return { role: message['role'], content: given(message, 'content') ?? '' };
  }) as CreateRequest['messages'];
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
  ...['temperature', 'top_p', 'top_k', 'min_p', 'repeat_penalty'],
  ...['presence_penalty', 'frequency_penalty', 'num_ctx'],
];

/** A message in a conversation, a response to a prompt. */
function said(kind: Kind, { text = '', thinking }: { text?: string; thinking?: string }): object {
  const thought = thinking === undefined ? {} : { thinking };
  if (kind === 'generate') return { response: text, ...thought };
  return { message: { role: 'assistant', content: text, ...thought } };
}

export function ollamaShape(kind: Kind, model: string): Shape {
  const line = (fields: object): string => `${JSON.stringify(fields)}\n`;
  const head = (): object => ({ model, created_at: new Date().toISOString() });
  const ending = ({
    result,
    usage,
    processing_time: processing,
    created_at: from,
    completed_at: to,
  }: Request): object =>
    onlySet({
      done: true,
      done_reason: result!.finish_reason,
      total_duration: (Date.parse(to!) - Date.parse(from)) * NS_PER_MS,
      prompt_eval_count: usage?.prompt_tokens,
      eval_count: usage?.completion_tokens,
      eval_duration: processing === null ? undefined : processing * NS_PER_MS,
    });
  return {
    whole: (request) => ({
      ...head(),
      ...said(kind, { text: request.result!.text, thinking: request.result!.thinking }),
      ...ending(request),
    }),
    streamType: 'application/x-ndjson',
    piece: (piece) => line({ ...head(), ...said(kind, piece), done: false }),
    quiet: () => line({ ...head(), ...said(kind, {}), done: false }),
    end: (request) => line({ ...head(), ...said(kind, {}), ...ending(request) }),
    broken: ({ message }) => line({ error: message }),
  };
}
