import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/support/count-reporter.ts'],
    // Whole runs of the command take seconds each on a small machine.
    testTimeout: 120_000,
    // Each worker loads the runtime; more of them than cores only slows all down.
    maxWorkers: 2,
  },
});
