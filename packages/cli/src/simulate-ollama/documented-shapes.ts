/** For the tests: the documented shapes of Ollama's answers, written down from its documentation and not from the simulation. */
import { Ajv } from 'ajv';

const text = { type: 'string' };
const flag = { type: 'boolean' };
const whole = { type: 'integer', minimum: 0 };
/** Nanoseconds; left out when 0. */
const duration = { type: 'integer', minimum: 1 };
/** Left out when 0. */
const some = { type: 'integer', minimum: 1 };
const instant = {
  type: 'string',
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$',
};
const texts = { type: 'array', items: text };

const closed = (required: Record<string, object>, optional: Record<string, object> = {}) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(required),
  properties: { ...required, ...optional },
});

const details = closed(
  {
    parent_model: text,
    format: text,
    family: text,
    families: texts,
    parameter_size: text,
    quantization_level: text,
  },
  { context_length: some, embedding_length: some },
);
const remote = { remote_model: text, remote_host: text };
const head = { model: text, created_at: instant };
const metrics = {
  total_duration: duration,
  load_duration: duration,
  prompt_eval_count: some,
  prompt_eval_duration: duration,
  eval_count: some,
  eval_duration: duration,
};
const message = closed(
  { role: { const: 'assistant' }, content: text },
  {
    thinking: { type: 'string', minLength: 1 },
    tool_calls: {
      type: 'array',
      minItems: 1,
      items: closed(
        { function: closed({ name: text, arguments: { type: 'object' } }, { index: whole }) },
        { id: text },
      ),
    },
  },
);
const thought = { thinking: { type: 'string', minLength: 1 } };
const over = { done: { const: true }, done_reason: { enum: ['stop', 'length'] } };
const context = { type: 'array', minItems: 1, items: whole };

const SHAPES = {
  error: closed({ error: { type: 'string', minLength: 1 } }),
  version: closed({ version: text }),
  status: closed({ cloud: closed({ disabled: flag, source: { enum: ['none', 'env', 'config', 'both'] } }) }),
  generatePiece: closed({ ...head, response: text, done: { const: false } }, { ...thought, ...remote }),
  generateLast: closed({ ...head, response: { const: '' }, ...over, context, ...metrics }, remote),
  generateWhole: closed({ ...head, response: text, ...over, context, ...metrics }, { ...thought, ...remote }),
  generateEmpty: closed({
    ...head,
    response: { const: '' },
    done: { const: true },
    done_reason: { enum: ['load', 'unload'] },
  }),
  chatPiece: closed({ ...head, message, done: { const: false } }, remote),
  chatLast: closed({ ...head, message, ...over, ...metrics }, remote),
  chatEmpty: closed({ ...head, message, done: { const: true }, done_reason: { enum: ['load', 'unload'] } }),
  embed: closed({
    model: text,
    embeddings: { type: 'array', items: { type: 'array', minItems: 1, items: { type: 'number' } } },
    total_duration: duration,
    load_duration: duration,
    prompt_eval_count: some,
  }),
  embeddings: closed({ embedding: { type: 'array', items: { type: 'number' } } }),
  tags: closed({
    models: {
      type: 'array',
      items: closed(
        { name: text, model: text, modified_at: instant, size: whole, digest: text, details },
        { capabilities: texts, ...remote },
      ),
    },
  }),
  ps: closed({
    models: {
      type: 'array',
      items: closed({
        name: text,
        model: text,
        size: whole,
        digest: text,
        details,
        expires_at: instant,
        size_vram: whole,
        context_length: some,
      }),
    },
  }),
  show: closed(
    { details, model_info: { type: 'object' }, capabilities: texts, modified_at: instant },
    { license: text, modelfile: text, parameters: text, template: text, system: text, ...remote },
  ),
  progress: closed({ status: text }, { digest: text, total: some, completed: some }),
};

export type ShapeName = keyof typeof SHAPES;

const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false });
const checks = new Map(Object.entries(SHAPES).map(([name, schema]) => [name, ajv.compile(schema)]));

/** Where a value differs from a documented shape; empty when it does not. */
export function differences(name: ShapeName, value: unknown): string[] {
  const check = checks.get(name)!;
  check(value);
  return (check.errors ?? []).map(
    ({ instancePath, message: what, params }) => `${instancePath} ${what} ${JSON.stringify(params)}`,
  );
}
