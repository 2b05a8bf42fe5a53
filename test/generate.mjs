/** Writes what is derived from the contract (types, error tables, docs); `--check` says what would change and fails. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';
import { format, resolveConfig } from 'prettier';
import { openApiDocument } from '../packages/broker/src/http/open-api.ts';
import { SETTINGS } from '../packages/broker/src/config/settings.ts';

const SPEC = 'packages/php-bridge-spec';
const NOTE = '/** Generated from packages/php-bridge-spec by `npm run generate`. Do not edit. */\n';
const checkOnly = process.argv.includes('--check');
const stale = [];

const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
const errors = json(`${SPEC}/errors.json`);

function write(path, text) {
  let old = '';
  try {
    old = readFileSync(path, 'utf8');
  } catch {
    // A new file.
  }
  if (old === text) return;
  if (checkOnly) stale.push(path);
  else {
    writeFileSync(path, text);
    console.log(`wrote ${path}`);
  }
}

const schemas = ['requests', 'responses'].flatMap((folder) =>
  readdirSync(`${SPEC}/schemas/${folder}`)
    .sort()
    .map((file) => json(`${SPEC}/schemas/${folder}/${file}`)),
);

/** All schemas as one, so that a type that several of them use is written once. */
async function types() {
  const rename = (value) =>
    Array.isArray(value)
      ? value.map(rename)
      : value && typeof value === 'object'
        ? Object.fromEntries(
            Object.entries(value)
              .filter(([key]) => key !== '$id' && key !== '$schema')
              .map(([key, inner]) => [
                key,
                key === '$ref' ? `#/$defs/${inner.replace('#', '')}` : rename(inner),
              ]),
          )
        : value;
  const all = {
    title: 'All',
    type: 'object',
    $defs: Object.fromEntries(schemas.map((schema) => [schema.$id, rename(withoutOneOf(schema))])),
    properties: Object.fromEntries(schemas.map((schema) => [schema.$id, { $ref: `#/$defs/${schema.$id}` }])),
  };
  const text = await compile(all, 'All', {
    bannerComment: NOTE,
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 110 },
  });
  return text.replace(/export interface All \{[\s\S]*?\n\}\n/, '');
}

/** "One of prompt and messages" reads better as two optional fields than as the union of two nearly equal types. */
function withoutOneOf({ oneOf: _oneOf, ...schema }) {
  return schema;
}

function errorCodes() {
  const rows = errors.http.map(
    (e) =>
      `  ${e.code}: { status: ${e.status}, retryable: ${e.retryable}, title: ${JSON.stringify(e.title)} },`,
  );
  const failures = errors.request.map((e) => `  ${e.code}: { retryable: ${e.retryable} },`);
  return `${NOTE}
export const HTTP_ERRORS = {
${rows.join('\n')}
} as const;

export type HttpErrorCode = keyof typeof HTTP_ERRORS;

/** Why a request failed. */
export const REQUEST_ERRORS = {
${failures.join('\n')}
} as const;

export type RequestErrorCode = keyof typeof REQUEST_ERRORS;
`;
}

function errorDocs() {
  const yes = (value) => (value ? 'yes' : 'no');
  return [
    '# Errors',
    '',
    'Generated from `packages/php-bridge-spec/errors.json`.',
    '',
    '## Answers of the broker',
    '',
    'Every error is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `code`, `detail`, `request_id`.',
    '',
    '| code | status | try again? | meaning |',
    '| --- | --- | --- | --- |',
    ...errors.http.map((e) => `| \`${e.code}\` | ${e.status} | ${yes(e.retryable)} | ${e.meaning} |`),
    '',
    '## Why a request failed',
    '',
    'In `error.code` of a request. "Retried" is what the broker does by itself before the request becomes `failed`.',
    '',
    '| code | retried | meaning |',
    '| --- | --- | --- |',
    ...errors.request.map((e) => `| \`${e.code}\` | ${yes(e.retryable)} | ${e.meaning} |`),
    '',
  ].join('\n');
}

function settingDocs() {
  const shown = ({ env, fallback, unit }) => {
    if (env === 'FILA_DATA_DIR') return '`~/.local/share/fila`';
    if (env === 'FILA_OLLAMA_URLS') return '`http://127.0.0.1:11434`';
    return fallback === null || typeof fallback === 'function'
      ? ''
      : `\`${fallback}\`${unit ? ` ${unit}` : ''}`;
  };
  return [
    '# Settings',
    '',
    'Generated from `packages/broker/src/config/settings.ts`. A flag of `fila serve` wins over the environment, the',
    'environment over `fila.config.json` (names of the first column), the file over the default. Secrets may also come',
    'from a file: `FILA_MASTER_KEY_FILE` and so on. `fila config show` says what a start would read here and from where.',
    '',
    'A live setting can be changed while brokers run: `fila settings set maxQueued 500` keeps it in the database, where it wins',
    'over what each broker was started with, and every broker follows within a second. Each change is a version with who, when',
    'and why; `fila settings list` says what is in force, `diff` what differs, `unset` and `restore` go back. A limit of',
    '`maxQueued` that begins while brokers run counts what is there already within 10 seconds. The others are read at the',
    'start: what they decide is built once, or is a matter of whoever has the machine (secrets, networks, the audit trail).',
    '',
    '| name | variable | default | live | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...Object.entries(SETTINGS).map(
      ([name, row]) =>
        `| \`${name}\` | \`${row.env}\`${row.secret ? ' (secret)' : ''} | ${shown(row)} | ${row.live ? 'yes' : ''} | ${row.about} |`,
    ),
    '',
  ].join('\n');
}

/** Formatted as everything else, so that a formatter changes nothing. */
const pretty = async (text) =>
  format(text, { ...(await resolveConfig('test/generate.mjs')), parser: 'typescript' });

const generatedTypes = await pretty(await types());
const codes = await pretty(errorCodes());
write('packages/broker/src/kernel/error-codes.generated.ts', codes);
write('packages/broker/src/kernel/contract.generated.ts', generatedTypes);
write('packages/sdk/src/types.generated.ts', generatedTypes);
write('packages/sdk/src/error-codes.generated.ts', codes);
write('docs/errors.md', errorDocs());
write('docs/settings.md', settingDocs());
write(`${SPEC}/openapi.json`, `${JSON.stringify(await openApiDocument(), null, 2)}\n`);

if (stale.length > 0) {
  console.error(`Out of date, run  npm run generate :\n  ${stale.join('\n  ')}`);
  process.exitCode = 1;
}
