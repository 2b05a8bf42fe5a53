/** The test of the test: ways to break the broker, each with a run in which the checker has to notice. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Invariant } from './checker.ts';
import type { Step } from './nemesis.ts';
import { type Outcome, runScenario, type Scenario } from './scenario.ts';

const ROOT = join(import.meta.dirname, '../..');
const BROKER = 'packages/broker/dist/index.js';

type Run = Omit<Scenario, 'name' | 'cli'>;

export interface Mutation {
  readonly name: string;
  /** Each must be found once in the built broker; the bundler may number names that are there twice. */
  readonly changes: readonly (readonly [find: RegExp, put: string])[];
  readonly run: Run;
  /** One of these has to be reported. */
  readonly caughtBy: readonly Invariant[];
}

const step = (atMs: number, holdMs: number, action: Step['action'], target: string): Step => ({
  ...{ atMs, holdMs, action, target },
});

/**
 * Calls take 3 s, and brokers stand still for longer than their leases: others work on what they hold when they come
 * back with their answers. Their own timers must not be what stops them.
 */
const FROZEN = {
  ...{ seed: 1, requests: 50, durationMs: 17_000, pace: { tokensPerSecond: 10 } },
  environment: { FILA_FIRST_TOKEN_TIMEOUT_MS: '30000', FILA_GAP_TIMEOUT_MS: '30000' },
  steps: [step(2_000, 5_500, 'broker.freeze', 'broker1')],
};
const TWO_FROZEN: Run = {
  ...{ ...FROZEN, engines: 'shared', brokers: 2 },
  steps: [...FROZEN.steps, step(10_500, 5_500, 'broker.freeze', 'broker2')],
};
const CALM: Run = {
  seed: 2,
  engines: 'embedded',
  brokers: 1,
  requests: 250,
  durationMs: 5_000,
  quietMs: 8_000,
  steps: [],
};
const REPEATED: Run = { ...CALM, isIdempotent: true };
const TOLD: Run = { ...CALM, hasWebhooks: true };
const KILLED: Run = {
  ...{ ...CALM, requests: 200, durationMs: 6_000, quietMs: 12_000 },
  steps: [step(1_500, 300, 'broker.kill', 'broker1'), step(3_500, 300, 'broker.kill', 'broker1')],
};
const FAULTY_MODELS: Run = {
  ...{ ...CALM, requests: 150 },
  steps: [step(200, 4_000, 'upstream.garbage', 'ollama1'), step(200, 4_000, 'upstream.busy', 'ollama2')],
};
const STORES_GONE: Run = {
  ...{ seed: 3, engines: 'shared', brokers: 2, requests: 300, durationMs: 8_000, quietMs: 12_000 },
  steps: [
    step(1_500, 500, 'mariadb.kill', 'mariadb'),
    step(4_500, 500, 'mariadb.kill', 'mariadb'),
    step(7_000, 300, 'mariadb.kill', 'mariadb'),
  ],
};
const FORGOTTEN: Run = {
  ...{ seed: 4, engines: 'shared', brokers: 2, requests: 200, durationMs: 3_000, quietMs: 12_000 },
  steps: [
    step(0, 4_000, 'upstream.slow', 'ollama1'),
    step(0, 4_000, 'upstream.slow', 'ollama2'),
    step(3_100, 0, 'redis.flushall', 'redis'),
  ],
};

/** Whose outcome a row takes. */
const MYSQL_HOLDER =
  /\s+AND fence = \$\{pick\(\(one\) => number\d*\(one\.fence\)\)\} AND lease_owner = \$\{[^}]*\}/;
/** What is read back afterwards looks at the fence too, and would hide from the log what was done. */
const MYSQL_ANSWER: Mutation['changes'] = [
  [/ \$\{String\(\w+\["fence"\]\)\}`\)\);/, '`));'],
  [/done\.has\(`\$\{settlement\.id\} \$\{settlement\.fence\}`\)/, 'done.has(settlement.id)'],
];

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'MySQL: an outcome is written under any fence, by any owner',
    changes: [[MYSQL_HOLDER, ''], ...MYSQL_ANSWER],
    ...{ run: TWO_FROZEN, caughtBy: ['I4'] },
  },
  {
    name: 'MySQL: an outcome is written whatever the row has become',
    changes: [
      [new RegExp(` AND state = \\$\\{processing\\d*\\}${MYSQL_HOLDER.source}`), ''],
      ...MYSQL_ANSWER,
    ],
    ...{ run: TWO_FROZEN, caughtBy: ['I2', 'I4'] },
  },
  {
    name: 'SQLite: a claim takes what has completed',
    changes: [
      [
        /(metadata, callback\s+FROM requests WHERE lane_id = \? AND state) = \$\{pending\d*\}( ORDER BY id LIMIT \?`)/,
        '$1 IN (${STATE.completed}, ${STATE.pending})$2',
      ],
    ],
    ...{ run: CALM, caughtBy: ['I1', 'I2'] },
  },
  {
    name: 'SQLite: a cancel takes what has ended',
    changes: [
      [
        /(lease_until = NULL\s+WHERE id = \? AND key_id = \?) AND state IN \(\$\{pending\d*\}, \$\{delayed\d*\}, \$\{processing\d*\}\)`/,
        '$1`',
      ],
    ],
    ...{ run: CALM, caughtBy: ['I2', 'I7'] },
  },
  {
    name: 'a request is accepted before it is stored',
    changes: [
      [
        /insert: \((\w+)\) => new Promise\(\((\w+), reject\) => flush\.add\(\{ kind: "insert", row: \w+, resolve: \w+, reject \}\)\)/,
        'insert: async ($1) => (flush.add({ kind: "insert", row: $1, resolve() {}, reject() {} }), { kind: "inserted" })',
      ],
    ],
    ...{ run: STORES_GONE, caughtBy: ['I1'] },
  },
  {
    name: 'an idempotency key is not kept with its request',
    changes: [
      [
        /idempotency: idempotencyKey === null \? null : fingerprints\.of\(idempotencyKey, input\)/,
        'idempotency: null',
      ],
    ],
    ...{ run: REPEATED, caughtBy: ['I6', 'S1'] },
  },
  {
    name: 'nobody is told of the end of a request',
    changes: [[/notify: callback !== void 0 \|\| await deps\.hasReceivers\(\w+\.id\),/, 'notify: false,']],
    ...{ run: TOLD, caughtBy: ['I5'] },
  },
  {
    name: 'what dead workers held is never given back',
    changes: [
      [
        /async function rescue\(dead, poisonError\) \{/,
        'async function rescue(dead, poisonError) { return 0;',
      ],
    ],
    ...{ run: KILLED, caughtBy: ['I1'] },
  },
  {
    name: 'what waits for its next attempt is never woken',
    changes: [
      [
        /(SET state = \$\{pending\d*\}, wake_at = deadline_at) WHERE (id IN \$\{marksFor\()/,
        '$1 WHERE 0 AND $2',
      ],
    ],
    ...{ run: FAULTY_MODELS, caughtBy: ['I1'] },
  },
  {
    name: 'an answer that broke off is taken for a whole one',
    changes: [
      [
        /this\.#answer \?\? this\.#failed\(incomplete\)/,
        '{ kind: "answered", text: this.#text, finishReason: "stop", promptTokens: 1, completionTokens: 1, durations: {} }',
      ],
    ],
    ...{ run: FAULTY_MODELS, caughtBy: ['I3'] },
  },
  {
    name: 'lanes that Redis forgot are never made active again',
    changes: [
      [/if \(lanes\.length > 0\) await activeLanes\.activate\(lanes\);/, ''],
      [/if \(stuck\.length > 0\) await activeLanes\.repair\(stuck\);/, ''],
    ],
    ...{ run: FORGOTTEN, caughtBy: ['I1'] },
  },
];

/** The code of the built broker with these changes; throws when one does not fit it any more. */
export function brokenBroker(changes: Mutation['changes']): string {
  return changes.reduce(changed, readFileSync(join(ROOT, BROKER), 'utf8'));
}

/** A copy of the build in a folder of its own, broken or not; `cli` is its bin/fila.js. */
export function copyBuild(changes: Mutation['changes']): { cli: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'fila-mutant-'));
  const packages = ['broker', 'cli', 'sdk'];
  for (const name of packages)
    for (const part of ['bin', 'dist', 'package.json']) {
      const from = join(ROOT, 'packages', name, part);
      if (existsSync(from)) cpSync(from, join(folder, 'packages', name, part), { recursive: true });
    }
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@fila'), { recursive: true });
  for (const name of packages) symlinkSync(join(folder, 'packages', name), join(modules, '@fila', name));
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '@fila' && name !== '.vite')
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  writeFileSync(join(folder, BROKER), brokenBroker(changes));
  const cli = join(folder, 'packages/cli/bin/fila.js');
  return { cli, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function changed(code: string, [find, put]: readonly [RegExp, string]): string {
  const count = [...code.matchAll(new RegExp(find, 'g'))].length;
  if (count !== 1)
    throw new Error(`${String(find)} is ${count} times in the built broker: adapt the mutation.`);
  return code.replace(find, put);
}

/** The run of a mutation: on a broken copy, or on one that is whole. */
export async function runMutation(mutation: Mutation, isBroken: boolean): Promise<Outcome> {
  const build = copyBuild(isBroken ? mutation.changes : []);
  try {
    return await runScenario({ ...mutation.run, name: mutation.name, cli: build.cli });
  } finally {
    build.remove();
  }
}

/** Whether the checker named one of the promises that this mutation breaks. */
export function isCaught({ caughtBy }: Mutation, { violations }: Outcome): boolean {
  return violations.some(({ invariant }) => caughtBy.includes(invariant));
}
