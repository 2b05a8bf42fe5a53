/** A fetch that holds every answer of the broker to openapi.json: status, content type and body. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
}

const document = JSON.parse(readFileSync('packages/php-bridge-spec/openapi.json', 'utf8')) as Document;
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajvFormats.default(ajv);
ajv.addSchema({ ...document, $id: 'openapi' });

/** What is written out is meant before what stands for anything: /dead-letters/retry is no id. */
const paths = Object.keys(document.paths)
  .sort((a, b) => a.split('{').length - b.split('{').length)
  .map((path) => {
    const pattern = path.replaceAll(/\{\w+\}/g, '[^/]+');
    return { path, pattern: new RegExp(`^${pattern}$`) };
  });
const validators = new Map<string, ValidateFunction>();

/** How many answers were checked, so that a test can see that it checked any. */
export const checked = { answers: 0 };

export const checkedFetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
  const response = await fetch(input, init);
  const body = await response.clone().text();
  checkAnswer({
    method: init?.method ?? 'GET',
    url: String(input),
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    body,
  });
  return response;
};

export interface Answer {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Throws when the answer is not one that openapi.json names. Paths it does not name may only be problems. */
export function checkAnswer({ method, url, status, type, body }: Answer): void {
  const where = `${method} ${url} answered ${status}`;
  const { pathname } = new URL(url);
  const found = paths.find(({ pattern }) => pattern.test(pathname));
  const [mediaType] = type.split(';');
  const operation = found && document.paths[found.path]![method.toLowerCase()];
  const schema = operation
    ? operation.responses[status]?.content?.[mediaType!]?.schema
    : status >= 400 && { $ref: '#/components/schemas/Problem' };
  if (!schema) throw new Error(`${where} as ${type}, which openapi.json does not name.`);
  const reference = (schema as { $ref: string }).$ref;
  const validate = validators.get(reference) ?? ajv.compile({ $ref: `openapi${reference}` });
  validators.set(reference, validate);
  if (!validate(JSON.parse(body)))
    throw new Error(
      `${where} with a body that is not ${reference}: ${ajv.errorsText(validate.errors)}\n${body}`,
    );
  checked.answers += 1;
}
