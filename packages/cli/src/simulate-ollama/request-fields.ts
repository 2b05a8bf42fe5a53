/** Reads a request body as Ollama's Go code does, down to the words of its complaints. */
import type { Refusal } from './http-answers.ts';
import { refuse } from './http-answers.ts';

export type Body = Record<string, unknown>;

type GoType =
  | 'string'
  | 'bool'
  | 'int'
  | '[]int'
  | '[]api.Message'
  | 'api.Tools'
  | '[]api.ImageData'
  | 'map[string]interface {}';

/** The name of the Go struct, and the types of the fields that have one. */
interface BodyShape {
  struct: string;
  fields: Record<string, GoType>;
}

const OPTIONS = { options: 'map[string]interface {}' } as const;
const INFERENCE = {
  model: 'string',
  stream: 'bool',
  truncate: 'bool',
  shift: 'bool',
  logprobs: 'bool',
  top_logprobs: 'int',
  ...OPTIONS,
} as const;

export const GENERATE_BODY: BodyShape = {
  struct: 'GenerateRequest',
  fields: {
    ...INFERENCE,
    prompt: 'string',
    suffix: 'string',
    system: 'string',
    template: 'string',
    raw: 'bool',
    context: '[]int',
    images: '[]api.ImageData',
  },
};
export const CHAT_BODY: BodyShape = {
  struct: 'ChatRequest',
  fields: { ...INFERENCE, messages: '[]api.Message', tools: 'api.Tools' },
};
export const EMBED_BODY: BodyShape = {
  struct: 'EmbedRequest',
  fields: { model: 'string', truncate: 'bool', dimensions: 'int', ...OPTIONS },
};
export const EMBEDDINGS_BODY: BodyShape = {
  struct: 'EmbeddingRequest',
  fields: { model: 'string', prompt: 'string', ...OPTIONS },
};
export const NAMED_BODY: BodyShape = {
  struct: 'ShowRequest',
  fields: {
    model: 'string',
    name: 'string',
    stream: 'bool',
    source: 'string',
    destination: 'string',
    from: 'string',
  },
};

/** The body's fields; a null counts as left out. */
export function readFields(text: string, shape: BodyShape): Body | Refusal {
  if (text.trim() === '') return refuse(400, 'missing request body');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return refuse(400, syntaxComplaint(String(error)));
  }
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    return refuse(
      400,
      `json: cannot unmarshal ${jsonKind(parsed)} into Go value of type api.${shape.struct}`,
    );
  const body = withoutNulls(parsed as Body);
  for (const name in shape.fields) {
    const value = body[name];
    const goType = shape.fields[name]!;
    if (value !== undefined && jsonKind(value) !== kindOf(goType))
      return refuse(400, mismatch(value, `${shape.struct}.${name}`, goType));
  }
  return messagesComplaint(body.messages) ?? thinkComplaint(body.think) ?? body;
}

function withoutNulls(body: Body): Body {
  if (!Object.values(body).includes(null)) return body;
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

/** Milliseconds to keep a model after a call; Infinity for ever, undefined when the call does not say. */
export function readKeepAlive(value: unknown): { keepAliveMs: number | undefined } | Refusal {
  if (value === undefined) return { keepAliveMs: undefined };
  if (typeof value === 'number') return { keepAliveMs: value < 0 ? Number.POSITIVE_INFINITY : value * 1_000 };
  if (typeof value !== 'string') return refuse(400, `Unsupported type: '${goKind(value)}'`);
  const durationMs = parseGoDuration(value);
  if (durationMs === undefined) {
    const complaint = /^[+-]?\d+(\.\d*)?$/.test(value) ? 'missing unit in' : 'invalid';
    return refuse(400, `time: ${complaint} duration ${JSON.stringify(value)}`);
  }
  return { keepAliveMs: durationMs < 0 ? Number.POSITIVE_INFINITY : durationMs };
}

const OPTION_TYPES: Record<string, 'integer' | 'float32' | 'boolean' | 'array'> = {
  ...Object.fromEntries(
    'num_keep seed num_predict top_k repeat_last_n num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict'
      .split(' ')
      .map((name) => [name, 'integer']),
  ),
  ...Object.fromEntries(
    'top_p min_p typical_p temperature repeat_penalty presence_penalty frequency_penalty'
      .split(' ')
      .map((name) => [name, 'float32']),
  ),
  use_mmap: 'boolean',
  stop: 'array',
};

/** A wrong type leaves as 500, as in Ollama; an option nobody knows is ignored. */
export function optionComplaint(options: Body): Refusal | undefined {
  for (const [name, value] of Object.entries(options)) {
    const wanted = Object.hasOwn(OPTION_TYPES, name) ? OPTION_TYPES[name] : undefined;
    if (!wanted || value === null) continue;
    const kind = { integer: 'number', float32: 'number', boolean: 'bool', array: 'array' }[wanted];
    if (jsonKind(value) !== kind) return refuse(500, `option "${name}" must be of type ${wanted}`);
    if (Array.isArray(value) && !value.every((item) => typeof item === 'string'))
      return refuse(500, `option "${name}" must be of an array of strings`);
  }
  return undefined;
}

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

function parseGoDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  const match = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/.exec(text);
  if (!match) return undefined;
  let sumMs = 0;
  for (const [, amount, unit] of match[2]!.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g))
    sumMs += Number(amount) * UNIT_MS[unit!]!;
  return match[1] === '-' ? -sumMs : sumMs;
}

function messagesComplaint(messages: unknown): Refusal | undefined {
  if (!Array.isArray(messages)) return undefined;
  for (const message of messages as unknown[]) {
    if (jsonKind(message) !== 'object')
      return refuse(400, mismatch(message, 'ChatRequest.messages', 'api.Alias'));
    for (const name of ['role', 'content']) {
      const value = (message as Body)[name] ?? '';
      if (typeof value !== 'string')
        return refuse(400, mismatch(value, `ChatRequest.messages.${name}`, 'string'));
    }
  }
  return undefined;
}

function thinkComplaint(think: unknown): Refusal | undefined {
  const choices = '"high", "medium", "low", "max", true, or false';
  if (think === undefined || typeof think === 'boolean') return undefined;
  if (typeof think !== 'string') return refuse(400, `think must be a boolean or string (${choices})`);
  if (['high', 'medium', 'low', 'max'].includes(think)) return undefined;
  return refuse(400, `invalid think value: "${think}" (must be ${choices})`);
}

function mismatch(value: unknown, field: string, goType: string): string {
  return `json: cannot unmarshal ${jsonKind(value)} into Go struct field ${field} of type ${goType}`;
}

function kindOf(goType: GoType): string {
  if (goType === 'string' || goType === 'bool') return goType;
  if (goType === 'int') return 'number';
  return goType.startsWith('map') ? 'object' : 'array';
}

/** As Go's encoding/json calls them. */
function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function goKind(value: unknown): string {
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** Go says where JSON broke in other words than V8 does. */
function syntaxComplaint(message: string): string {
  const token = /Unexpected token '?(.+?)'?, /u.exec(message)?.[1];
  return token ? `invalid character '${token}' looking for beginning of value` : 'unexpected EOF';
}
