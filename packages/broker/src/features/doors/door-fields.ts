/** Reads the fields of a foreign body: of the right type, or refused in a sentence that names them. */
import { fail, type FilaError } from '../../kernel/errors.ts';

export type Body = Readonly<Record<string, unknown>>;

export function wrongField(name: string, detail: string): FilaError {
  return fail('validation_failed', {
    detail: `${name} ${detail}.`,
    errors: [{ pointer: `/${name}`, detail }],
  });
}

export function asBody(value: unknown): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw fail('bad_request', { detail: 'The body must be a JSON object.' });
}

/** An object within the body, `name` being where. */
export function objectIn(value: unknown, name: string): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw wrongField(name, 'must be made of objects');
}

export function objectField(body: Body, name: string): Body {
  const value = given<unknown>(body, name);
  return value === undefined ? {} : objectIn(value, name);
}

/** Null and absent are the same: many clients write out what they do not set. */
export function given<T>(body: Body, name: string): T | undefined {
  const value = body[name];
  return value === null ? undefined : (value as T | undefined);
}

export function textField(body: Body, name: string): string | undefined {
  const value = given<unknown>(body, name);
  if (value === undefined || typeof value === 'string') return value;
  throw wrongField(name, 'must be a text');
}

export function modelField(body: Body): string {
  const model = textField(body, 'model');
  if (!model)
    throw fail('validation_failed', {
      detail: 'model is required',
      errors: [{ pointer: '/model', detail: 'is missing' }],
    });
  return model;
}

/** Refuses what would change the answer if it were left out in silence. Empty is as good as absent. */
export function refuseFields(body: Body, names: readonly string[]): void {
  for (const name of names) {
    const value = given<unknown>(body, name);
    const isEmpty =
      value === undefined ||
      value === false ||
      value === 0 ||
      value === '' ||
      (Array.isArray(value) && value.length === 0);
    if (!isEmpty) throw wrongField(name, 'is not supported by this broker');
  }
}

/** Without what is not set, so that the broker's own defaults hold. */
export function onlySet<T extends object>(fields: T): T {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as T;
}

export function listIn(body: Body, name: string): unknown[] {
  const value = given<unknown>(body, name);
  if (value === undefined || Array.isArray(value)) return value ?? [];
  throw wrongField(name, 'must be a list');
}

export function stopField(body: Body): string[] | undefined {
  const stop = given<unknown>(body, 'stop');
  if (stop === undefined) return undefined;
  return typeof stop === 'string' ? [stop] : (stop as string[]);
}
