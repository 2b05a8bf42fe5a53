/** OpenAI's way to say things: a JSON object, or server-sent events while it streams. */
import type { CreateRequest, Request } from '../../kernel/contract.generated.ts';
import type { Shape } from './door-answer.ts';
import { askedOfTools, messagesOf, toolsOf } from './openai-messages.ts';
import type { DoorError } from './door-errors.ts';
import {
  given,
  modelField,
  objectField,
  onlySet,
  refuseFields,
  stopField,
  wrongField,
  type Body,
} from './door-fields.ts';

type Kind = 'chat' | 'completion';

interface Delta {
  readonly text?: string;
  readonly thinking?: string;
  readonly toolCalls?: readonly object[];
}

const UNSUPPORTED = [
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
  refuseFields(body, kind === 'chat' ? UNSUPPORTED : [...UNSUPPORTED, 'tools']);
  for (const name of ['n', 'best_of'])
    if ((given<unknown>(body, name) ?? 1) !== 1) throw wrongField(name, 'must be 1');
  return onlySet({
    model: modelField(body),
    ...(kind === 'chat' ? { messages: messagesOf(body), tools: toolsOf(body) } : { prompt: promptOf(body) }),
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

export function inputOfEmbeddings(body: Body): CreateRequest {
  const encoding = given<unknown>(body, 'encoding_format') ?? 'float';
  if (encoding !== 'float' && encoding !== 'base64')
    throw wrongField('encoding_format', 'must be float or base64');
  return onlySet({
    model: modelField(body),
    input: given<unknown>(body, 'input'),
    dimensions: given<number>(body, 'dimensions'),
    metadata: { door: 'openai/embeddings' },
  }) as CreateRequest;
}

export function embeddingsShape({ model, encoding_format: encoding }: Body): Pick<Shape, 'whole'> {
  const written = (vector: number[]): unknown =>
    encoding === 'base64' ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector;
  return {
    whole: ({ result, usage }) => ({
      object: 'list',
      data: result!.embeddings!.map((vector, index) => ({
        ...{ object: 'embedding', index, embedding: written(vector) },
      })),
      model,
      usage: { prompt_tokens: usage?.prompt_tokens ?? 0, total_tokens: usage?.total_tokens ?? 0 },
    }),
  };
}

/** `created` is when it was installed, in seconds; 0 while no server says it. */
export function openaiModel(model: { readonly name: string; readonly modified_at?: unknown }): object {
  const at = Date.parse(String(model.modified_at));
  const created = Number.isNaN(at) ? 0 : Math.floor(at / 1000);
  return { id: model.name, object: 'model', created, owned_by: 'library' };
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

  function chunk(delta: Delta | null, finish: string | null): string {
    const role = isFirst ? { role: 'assistant' } : {};
    isFirst = false;
    const choice =
      kind === 'completion'
        ? { text: delta?.text ?? '', logprobs: null }
        : {
            delta: delta ? { ...role, content: delta.text ?? '', ...deltaOf(delta) } : {},
            logprobs: null,
          };
    return event({ ...named(chunkName), choices: [{ index: 0, ...choice, finish_reason: finish }] });
  }

  return {
    whole: (request) => {
      const { text, thinking } = request.result!;
      const toolCalls = askedOfTools(request);
      const choice =
        kind === 'chat'
          ? {
              message: {
                role: 'assistant',
                content: text,
                refusal: null,
                ...deltaOf({ thinking, toolCalls }),
              },
            }
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
      const calls = askedOfTools(request)?.map((call, index) => ({ index, ...call }));
      return `${calls ? chunk({ toolCalls: calls }, null) : ''}${chunk(null, finishOf(request))}${usage}data: [DONE]\n\n`;
    },
    broken: (error) => event(errorOfOpenai(error)),
  };
}

/** As Ollama's own door calls it. */
function deltaOf({ thinking, toolCalls }: Delta): object {
  return onlySet({ reasoning: thinking, tool_calls: toolCalls });
}

function finishOf({ result }: Request): string {
  if (result!.tool_calls) return 'tool_calls';
  return result!.finish_reason === 'length' ? 'length' : 'stop';
}
