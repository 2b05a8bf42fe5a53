/** What a load sends: a family of requests that differ in a number, so that no prompt is sent twice. */

export interface RequestPlan {
  readonly port: number;
  readonly method: 'GET' | 'POST';
  /** `:id` stands for the next of `ids`. */
  readonly path: string;
  /** Taken in turns. */
  readonly keys?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** In turns. */
  readonly ids?: readonly string[];
  /** Of a POST with a prompt: the first characters of every prompt; a number and filling follow. */
  readonly promptStart?: string;
  /** Further fields of the body. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** In turns, as the body's field `model`. */
  readonly models?: readonly string[];
}

const PROMPT_CHARACTERS = 512;
const NUMBER_DIGITS = 8;
const FILLING = ' what a queue in front of a model costs and what it saves'.repeat(10);

/** The whole text of the request with this number. */
export type WriteRequest = (number: number) => string;

export function requestWriter(plan: RequestPlan): WriteRequest {
  const { method, path, keys = [''], ids = [], models = [] } = plan;
  const fixed = Object.entries({ host: `127.0.0.1:${plan.port}`, ...plan.headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const heads = keys.map((key) => (key === '' ? fixed : `${fixed}authorization: Bearer ${key}\r\n`));
  const bodyOf = plan.promptStart === undefined ? null : promptBody(plan);
  return (number) => {
    const target = ids.length > 0 ? path.replace(':id', ids[number % ids.length]!) : path;
    const line = `${method} ${target} HTTP/1.1\r\n${heads[number % heads.length]!}`;
    if (!bodyOf) return `${line}\r\n`;
    const body = bodyOf(number, models.length > 0 ? models[number % models.length] : undefined);
    return `${line}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
}

function promptBody(plan: RequestPlan): (number: number, model: string | undefined) => string {
  const start = plan.promptStart!;
  const filling = FILLING.slice(0, PROMPT_CHARACTERS - start.length - NUMBER_DIGITS - 1);
  const rest = JSON.stringify(plan.body ?? {}).slice(1);
  const more = rest === '}' ? '}' : `,${rest}`;
  return (number, model) => {
    const named = model === undefined ? '' : `"model":${JSON.stringify(model)},`;
    return `{${named}"prompt":"${start} ${String(number).padStart(NUMBER_DIGITS, '0')}${filling}"${more}`;
  };
}
