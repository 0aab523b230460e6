import { defineConfig } from 'vitest/config';

/** Tests of what a process has once: its environment, its signals, its temporary files, its workers, its runtime. */
const ofProcesses = ['attacks', 'e2e', 'faults', 'load', 'modules', 'run', 'runtime', 'sweep', 'tools'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

export default defineConfig({
  test: {
    reporters: ['default', './test/support/count-reporter.ts'],
    // Whole runs of the command take seconds each on a small machine.
    testTimeout: 120_000,
    // Each worker loads the runtime; more of them than cores only slows all down.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'processes', include: ofProcesses } },
      {
        extends: true,
        // To import the modules and the runtime anew for each file took two fifths of the time.
        test: { name: 'units', include: ['test/**/*.test.ts'], exclude: ofProcesses, isolate: false },
      },
    ],
  },
});
