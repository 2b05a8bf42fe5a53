/** `npm run conformance -- <command>`: whether a client does what the contract says. Without a command: the SDK. */
import { join } from 'node:path';
import { replay, startProgram } from './replay.ts';

const SDK = [process.execPath, join(import.meta.dirname, 'sdk-answers.ts')];

const command = process.argv.slice(2);
const program = startProgram(command.length > 0 ? command : SDK);
const { passed, failed } = await replay(program.answer).finally(program.stop);
for (const { file, id, rule, expect, actual } of failed) {
  console.log(`not ok ${file} ${id} (${rule})`);
  console.log(`  expected ${JSON.stringify(expect)}\n  actual   ${JSON.stringify(actual)}`);
}
console.log(`${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
