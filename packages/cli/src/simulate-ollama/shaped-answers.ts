/** Answers for `format`: JSON, or an instance of the JSON Schema that was asked for. */
import type { PromptOrMessages } from './answers.ts';
import { answerId, DEFAULT_SEED, openingToken, promptHash } from './answers.ts';

type Schema = Record<string, unknown>;

const PIECE_CHARACTERS = 4;
const MAX_DEPTH = 8;

/** The JSON text a simulated model answers when `format` is "json" or a schema. The first free string is the unique one. */
export function simulatedJsonAnswer(
  model: string,
  promptOrMessages: PromptOrMessages,
  format: 'json' | Schema,
  seed: number = DEFAULT_SEED,
): string {
  return jsonAnswer(answerId(model, promptHash(promptOrMessages), seed), promptOrMessages, format);
}

/** The same, of a call whose `answerId` is known. */
export function jsonAnswer(id: string, promptOrMessages: PromptOrMessages, format: 'json' | Schema): string {
  const said = openingToken(id, promptOrMessages);
  if (format === 'json') return JSON.stringify({ answer: said });
  return JSON.stringify(instanceOf(format, { root: format, said, depth: 0 }));
}

/** Cuts a text into pieces of a token's usual length, never inside a character. */
export function jsonTokens(text: string): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += PIECE_CHARACTERS)
    pieces.push(characters.slice(at, at + PIECE_CHARACTERS).join(''));
  return pieces;
}

interface Place {
  root: Schema;
  said: string;
  depth: number;
}

function instanceOf(schema: Schema, place: Place): unknown {
  if (place.depth > MAX_DEPTH) return null;
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const inner = { ...place, depth: place.depth + 1 };
  if (typeof schema.$ref === 'string') return instanceOf(resolve(schema.$ref, place.root), inner);
  for (const choice of [schema.anyOf, schema.oneOf, schema.allOf])
    if (Array.isArray(choice) && isSchema(choice[0])) return instanceOf(choice[0], inner);
  switch (typeOf(schema)) {
    case 'object':
      return objectOf(schema, inner);
    case 'array':
      return arrayOf(schema, inner);
    case 'string':
      return stringOf(schema, place.said);
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return true;
    default:
      return null;
  }
}

function typeOf(schema: Schema): unknown {
  if (Array.isArray(schema.type)) return schema.type[0];
  if (schema.type === undefined) return schema.properties ? 'object' : schema.items ? 'array' : 'string';
  return schema.type;
}

function objectOf(schema: Schema, place: Place): Schema {
  const properties = isSchema(schema.properties) ? schema.properties : {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, part]) => [name, isSchema(part) ? instanceOf(part, place) : null]),
  );
}

function arrayOf(schema: Schema, place: Place): unknown[] {
  const items = isSchema(schema.items) ? schema.items : {};
  const length = typeof schema.minItems === 'number' ? Math.max(1, schema.minItems) : 1;
  return Array.from({ length }, () => instanceOf(items, place));
}

function stringOf(schema: Schema, said: string): string {
  const minLength = typeof schema.minLength === 'number' ? schema.minLength : 0;
  const maxLength = typeof schema.maxLength === 'number' ? schema.maxLength : Number.POSITIVE_INFINITY;
  if (schema.format === 'date-time') return '2026-01-01T00:00:00Z';
  if (schema.format === 'date') return '2026-01-01';
  return said.padEnd(minLength, '.').slice(0, maxLength);
}

function numberOf(schema: Schema): number {
  if (typeof schema.minimum === 'number') return Math.ceil(schema.minimum);
  if (typeof schema.exclusiveMinimum === 'number') return Math.floor(schema.exclusiveMinimum) + 1;
  if (typeof schema.maximum === 'number') return Math.min(1, Math.floor(schema.maximum));
  return 1;
}

function resolve(reference: string, root: Schema): Schema {
  let found: unknown = root;
  for (const step of reference.replace(/^#\/?/, '').split('/'))
    if (step !== '') found = isSchema(found) ? found[step] : undefined;
  return isSchema(found) ? found : {};
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
