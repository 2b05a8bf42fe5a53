/** OpenAI's way to say things: a JSON object, or server-sent events while it streams. */
import type { CreateRequest, Request } from '../../kernel/contract.generated.ts';
import type { Shape } from './door-answer.ts';
import type { DoorError } from './door-errors.ts';
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

type Kind = 'chat' | 'completion';

const UNSUPPORTED = [
  'tools',
  'functions',
  'audio',
  'modalities',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'suffix',
  'echo',
];

/** What changes how the answer is billed, stored or tracked elsewhere has no meaning here, and is ignored. */
export function inputOfOpenai(kind: Kind, body: Body): CreateRequest {
  refuseFields(body, UNSUPPORTED);
  for (const name of ['n', 'best_of'])
    if ((given<unknown>(body, name) ?? 1) !== 1) throw wrongField(name, 'must be 1');
  return onlySet({
    model: modelField(body),
    ...(kind === 'chat' ? { messages: messagesOf(body) } : { prompt: promptOf(body) }),
    parameters: onlySet({
      ...Object.fromEntries(SAME.map((name) => [name, given(body, name)])),
      max_tokens: given<number>(body, 'max_completion_tokens') ?? given<number>(body, 'max_tokens'),
      stop: stopField(body),
      think: thinkOf(body),
    }),
    format: formatOf(body),
    metadata: { ...objectField(body, 'metadata'), door: `openai/${kind}` },
  }) as CreateRequest;
}

const SAME = ['temperature', 'top_p', 'seed', 'presence_penalty', 'frequency_penalty'];

function thinkOf(body: Body): unknown {
  const effort = given<unknown>(body, 'reasoning_effort');
  return effort === 'none' || effort === 'minimal' ? false : effort;
}

function formatOf(body: Body): CreateRequest['format'] {
  const format = objectField(body, 'response_format');
  if (format['type'] === undefined || format['type'] === 'text') return undefined;
  if (format['type'] === 'json_object') return 'json';
  const schema = given<Body>(objectField(format, 'json_schema'), 'schema');
  if (format['type'] === 'json_schema' && schema) return schema as CreateRequest['format'];
  throw wrongField('response_format', 'must be text, json_object, or json_schema with its schema');
}

function promptOf(body: Body): string {
  const prompt = given<unknown>(body, 'prompt');
  const [first, ...others] = Array.isArray(prompt) ? (prompt as unknown[]) : [prompt];
  if (typeof first === 'string' && others.length === 0) return first;
  throw wrongField('prompt', 'must be one text');
}

function messagesOf(body: Body): CreateRequest['messages'] {
  const messages = given<unknown>(body, 'messages');
  if (!Array.isArray(messages)) throw wrongField('messages', 'must be a list');
  return messages.map((one: unknown) => {
    const message = objectIn(one, 'messages');
    refuseFields(message, ['tool_calls', 'function_call']);
    const role = message['role'] === 'developer' ? 'system' : message['role'];
    return { role, content: contentOf(given(message, 'content')) };
  }) as CreateRequest['messages'];
}

/** Parts of text are one text. */
function contentOf(content: unknown): unknown {
  if (!Array.isArray(content)) return content ?? '';
  return content
    .map((one: unknown) => {
      const part = objectIn(one, 'messages');
      if (part['type'] === 'text') return textField(part, 'text') ?? '';
      throw wrongField('messages', `holds a part of type ${String(part['type'])}, which is not supported`);
    })
    .join('');
}

export function errorOfOpenai({ status, code, message, param }: DoorError): object {
  return { error: { message, type: typeOf(status), param: param ?? null, code: CODES[code] ?? code } };
}

/** Where clients look for OpenAI's own. */
const CODES: Readonly<Record<string, string>> = {
  unauthorized: 'invalid_api_key',
  rate_limited: 'rate_limit_exceeded',
  blocked: 'rate_limit_exceeded',
  context_exceeded: 'context_length_exceeded',
};

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

export function openaiShape(kind: Kind, body: Body): Shape {
  const { model } = body;
  const id = `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${crypto.randomUUID()}`;
  const created = Math.floor(Date.now() / 1000);
  const wantsUsage = objectField(body, 'stream_options')['include_usage'] === true;
  const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
  const named = (object: string): object => ({ id, object, created, model, system_fingerprint: 'fila' });
  const chunkName = kind === 'chat' ? 'chat.completion.chunk' : 'text_completion';
  let isFirst = true;

  function chunk(delta: { text?: string; thinking?: string } | null, finish: string | null): string {
    const role = isFirst ? { role: 'assistant' } : {};
    isFirst = false;
    const choice =
      kind === 'completion'
        ? { text: delta?.text ?? '', logprobs: null }
        : {
            delta: delta ? { ...role, content: delta.text ?? '', ...reasoning(delta.thinking) } : {},
            logprobs: null,
          };
    return event({ ...named(chunkName), choices: [{ index: 0, ...choice, finish_reason: finish }] });
  }

  return {
    whole: (request) => {
      const { text, thinking } = request.result!;
      const choice =
        kind === 'chat'
          ? { message: { role: 'assistant', content: text, refusal: null, ...reasoning(thinking) } }
          : { text };
      const finish_reason = finishOf(request);
      return {
        ...named(kind === 'chat' ? 'chat.completion' : 'text_completion'),
        choices: [{ index: 0, ...choice, logprobs: null, finish_reason }],
        usage: request.usage,
      };
    },
    streamType: 'text/event-stream',
    piece: (piece) => chunk(piece, null),
    quiet: () => ': waiting\n\n',
    end: (request) => {
      const usage = wantsUsage ? event({ ...named(chunkName), choices: [], usage: request.usage }) : '';
      return `${chunk(null, finishOf(request))}${usage}data: [DONE]\n\n`;
    },
    broken: (error) => event(errorOfOpenai(error)),
  };
}

/** As Ollama's own door calls it. */
function reasoning(thinking: string | undefined): object {
  return thinking === undefined ? {} : { reasoning: thinking };
}

function finishOf({ result }: Request): string {
  return result!.finish_reason === 'length' ? 'length' : 'stop';
}
