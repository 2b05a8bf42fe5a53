/** The contract's vectors against two implementations and many wrong ones: who breaks a rule is noticed. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needPhp, phpAvailable } from '../services/need.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { clientCases, replay, SPEC, startProgram, type AnswerCase, type FailedCase } from './replay.ts';
import { OF_APPLICATIONS, SDK_MUTANTS } from './sdk-mutants.ts';
import { answerCase } from './sdk-answers.ts';

/** Rules that show only over a network or in what is not done; each has a test of its own. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'BR-TRN-001': 'errors.json against the broker',
  'BR-TRN-002': 'packages/sdk/src/http.test.ts',
  'BR-TRN-003': 'packages/sdk/src/http.test.ts',
  'BR-TRN-004': 'packages/sdk/src/http.test.ts',
  'BR-TRN-005': 'packages/sdk/src/http.test.ts',
  'BR-KEY-001': 'calls.json, and test/e2e/canary.test.ts',
  'BR-KEY-002': 'test/e2e/canary.test.ts',
  'BR-REQ-008': 'lifecycle.json against the broker',
  'BR-REQ-010': 'test/e2e/clients.test.ts',
  'BR-WAI-002': 'packages/sdk/src/resources/wait.test.ts',
  'BR-WAI-003': 'packages/sdk/src/resources/wait.test.ts',
  'BR-WHK-011': 'test/e2e/webhooks.test.ts',
  'BR-PRV-001': 'test/e2e/canary.test.ts',
  'BR-VER-001': 'test/contract',
  'BR-VER-002': 'test/contract/vectors.test.ts',
};

const RUNNER = 'php/conformance.php';
const SDK = join(import.meta.dirname, '../../packages/sdk/src');

describe('the vectors', () => {
  const rules = new Set(
    readFileSync(join(SPEC, 'SPEC.md'), 'utf8').match(/(?<=\*\*)BR-[A-Z]{3}-\d{3}(?=\*\*)/g),
  );
  const shown = new Set(clientCases().map(({ rule }) => rule!));

  it('name rules that exist, and every rule has a case, or a test that is named here', () => {
    expect([...shown].filter((rule) => !rules.has(rule))).toEqual([]);
    expect([...rules].filter((rule) => !shown.has(rule)).sort()).toEqual(Object.keys(ELSEWHERE).sort());
  });

  it('are what the TypeScript SDK does', async () => {
    const { passed, failed } = await replay(answerCase);
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(100);
  });
});

describe('in TypeScript, the vectors', () => {
  it('have a wrong client for each rule that they are about and that is not an application’s', () => {
    const shown = new Set(clientCases().map(({ rule }) => rule!));
    const own = [...shown].filter((rule) => !OF_APPLICATIONS.includes(rule));
    expect([...new Set(SDK_MUTANTS.map(({ rule }) => rule))].sort()).toEqual(own.sort());
  });

  it.each(SDK_MUTANTS)('notice an SDK that breaks $rule: $from', async (wrong) => {
    const answer = await wrongSdk(wrong);
    const failed = await replay(answer).then(
      ({ failed }) => failed,
      (error: Error) => [error],
    );
    expect(failed.length).toBeGreaterThan(0);
  });
});

describe.skipIf(!phpAvailable)('in PHP, the vectors', () => {
  it('are what the reference client does, asked line by line and by its own runner', async () => {
    const php = [needPhp(), join(SPEC, RUNNER)] as const;
    const program = startProgram([...php, '--stdio']);
    const { passed, failed } = await replay(program.answer).finally(program.stop);
    expect(failed).toEqual([]);
    const own = spawnSync(php[0], [php[1]], { encoding: 'utf8' });
    expect(own.stdout).toContain(`${passed} passed, 0 failed`);
    expect(own.status).toBe(0);
  });

  it('has a wrong client for each rule that they are about', () => {
    const shown = new Set(clientCases().map(({ rule }) => rule!));
    expect([...new Set(MUTANTS.map(({ rule }) => rule))].sort()).toEqual([...shown].sort());
  });

  it.each(MUTANTS)('notice a client that breaks $rule: $from', async (mutant) => {
    const failed = await failuresOf(mutant);
    expect(failed.length).toBeGreaterThan(0);
  });
});

/** What an SDK with one change makes of a case. */
async function wrongSdk({ file, from, to }: Mutant): Promise<AnswerCase> {
  const path = join(SDK, file);
  const right = readFileSync(path, 'utf8');
  expect(right.split(from), `${file} has this text once`).toHaveLength(2);
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'sdk-answers.ts')],
    ...{ bundle: true, write: false, format: 'esm', platform: 'node', target: 'node22', logLevel: 'error' },
    alias: { '@fila/sdk': join(SDK, 'index.ts') },
    plugins: [
      {
        name: 'mutant',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, (asked) =>
            asked.path === path ? { contents: right.replace(from, () => to), loader: 'ts' } : null,
          ),
      },
    ],
  });
  const folder = mkdtempSync(join(tmpdir(), 'fila-mutant-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const bundle = join(folder, 'answers.mjs');
  writeFileSync(bundle, outputFiles[0]!.text);
  return ((await import(/* @vite-ignore */ bundle)) as { answerCase: AnswerCase }).answerCase;
}

/** Cases that a copy of the reference client with one change fails; a crash is one. */
async function failuresOf({ file, from, to }: Mutant): Promise<readonly (FailedCase | Error)[]> {
  const folder = mkdtempSync(join(tmpdir(), 'fila-mutant-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(SPEC, folder, { recursive: true });
  const path = join(folder, 'php/src', file);
  const right = readFileSync(path, 'utf8');
  expect(right.split(from), `${file} has this text once`).toHaveLength(2);
  writeFileSync(
    path,
    right.replace(from, () => to),
  );
  expect(spawnSync(needPhp(), ['-l', path]).status, 'it is PHP').toBe(0);
  const program = startProgram(
    [needPhp(), '-d', 'display_errors=stderr', join(folder, RUNNER), '--stdio'],
    'ignore',
  );
  return replay(program.answer).then(
    ({ failed }) => failed,
    (error: Error) => [error],
  );
}
