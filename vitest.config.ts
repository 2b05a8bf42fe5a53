/** Three projects: unit (beside the code), whole (what crosses rooms: contract, e2e, examples), and chaos, one file at a time. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      '@fila/sdk': source('packages/sdk/src/index.ts'),
      '@fila/broker': source('packages/broker/src/index.ts'),
    },
  },
  test: {
    allowOnly: false,
    // One more than the cores of the smallest machine: some of them always wait for something.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // On a shared machine a test that waits for real servers may lose once; the reporter names it. Twice is broken.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['packages/*/src/**/*.test.{ts,tsx}', 'bench/**/*.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['test/**/*.test.ts'],
          exclude: ['test/chaos/**'],
          testTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
