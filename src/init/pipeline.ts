import { quoted } from '../report/reproduce.js';
import { tool } from '../version.js';

/** A service that runs pipelines. */
export interface PipelineService {
  readonly name: string;
  /** Where its file stands, from the root of the repository. */
  readonly path: string;
  /** The file. */
  file(config: string): string;
}

/** The command of a pipeline: the version that wrote the configuration, without an installation of its own. */
const command = (config: string): string =>
  `npx --yes onnx-quantize@${tool.version} ci --config ${quoted(config)}`;

/** onnxruntime-node's own installation downloads parts for CUDA, which nothing here needs. */
const ENVIRONMENT = 'ONNXRUNTIME_NODE_INSTALL: skip';

/** The services that a pipeline can be written for. */
export const pipelineServices: readonly PipelineService[] = [
  {
    name: 'github',
    path: '.github/workflows/quantize.yml',
    file: (config) => `name: quantize
on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  quantize:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          lfs: true
      - uses: actions/setup-node@39370e3970a6d050c480ffad4ff0ed4d3fdee5af # v4.1.0
        with:
          node-version: 22
      # The report goes to the run's summary, and a gate that fails is annotated.
      - run: ${command(config)}
        env:
          ${ENVIRONMENT}
`,
  },
  {
    name: 'gitlab',
    path: '.gitlab-ci.yml',
    file: (config) => `quantize:
  image: node:22
  variables:
    ${ENVIRONMENT}
    GIT_LFS_SKIP_SMUDGE: "0"
  script:
    - ${command(config)}
`,
  },
];
