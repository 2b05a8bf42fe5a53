import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

/**
 * MiB of the young generation of a process that has made many short-lived objects after `script`. Few in each turn of the
 * loop, as in a daemon: what a collection sets off is done before the next one.
 */
async function youngMb(script: string): Promise<number> {
  const program = `import { getHeapSpaceStatistics } from 'node:v8';
    ${script}
    let kept = [];
    for (let turn = 0; turn < 600; turn++) {
      for (let n = 0; n < 30_000; n++) {
        kept.push({ n, text: 'x' + n });
        if (kept.length > 100_000) kept = [];
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    console.log(young.space_size / 1_048_576);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  return Number(stdout);
}

it('the young generation stops growing at 64 MiB, where V8 alone would go on', async () => {
  const module = JSON.stringify(join(import.meta.dirname, 'small-heap.ts'));
  const [limited, alone] = await Promise.all([
    youngMb(`import { keepHeapSmall } from ${module}; keepHeapSmall();`),
    youngMb(''),
  ]);
  expect(limited).toBeGreaterThanOrEqual(32);
  expect(limited).toBeLessThan(100);
  expect(alone).toBeGreaterThan(limited);
});
