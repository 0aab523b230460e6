import type { DocumentCommand } from './extract.js';

/** The folders that commands are run in; `worlds.ts` makes them. */
export type World = 'pictures' | 'arrays' | 'words' | 'scenes' | 'digits' | 'repository' | 'empty';

/** How a command of a document is run. */
export interface Way {
  /** What the document's path begins with, and what the command holds: both where both are given. */
  readonly document?: string;
  readonly command?: RegExp;
  readonly world?: World;
  /** Why it is not run. */
  readonly reason?: string;
  /** What stands for what only its reader has. */
  readonly replace?: readonly (readonly [RegExp, string])[];
  /** The exit codes that it may end in; 0 by default. */
  readonly exits?: readonly number[];
  /** That the output in the document is that of a model which is not in the repository: it is not compared. */
  readonly elsewhere?: true;
}

/**
 * How the commands of the documents are run. All that match are taken together, later ones before earlier ones. A command
 * that no entry with a world or a reason matches fails the test, so that nobody writes one that nobody tries.
 */
export const ways: readonly Way[] = [
  // `quantize` on the names that all documents use is run on pictures of shapes, with 8-bit samples.
  { command: /^(npx )?quantize |^#!/, world: 'pictures' },

  // Not to be run here.
  { command: /npm (ci|test)\b/, reason: 'what .ci/run does before this test' },
  { document: 'CONTRIBUTING.md', command: /^(npm run|\.ci\/run)/, reason: 'what .ci/run does, or itself' },
  { command: /^python3? |^\.venv\//, reason: 'Python with PyTorch or onnx, and models that are downloaded' },
  {
    command: /^npm run (bench|build)\b/,
    reason: 'measurements of minutes to hours on models that are downloaded',
  },
  { command: /^sbatch /, reason: 'Slurm' },
  { command: /-of-16\.json/, reason: 'what the array job of Slurm writes' },

  // The sample, in the repository and in a folder of its own.
  { document: 'README.md', command: /^npm ci && node/, world: 'repository', replace: [[/^npm ci && /, '']] },
  { command: /examples\/(digits|quantize)|^cd examples/, world: 'repository' },
  { document: 'README.md', command: /^quantize init/, world: 'digits' },

  // Each tutorial from its beginning to its end; a gate that fails is part of it, and compared.
  { document: 'docs/tutorials/', command: /^(node|cd|cat|quantize) /, world: 'repository', exits: [0, 1] },

  {
    document: 'docs/ci.md',
    command: /--eval-set/,
    replace: [
      [/(day|night)-labels\.npy/g, 'labels.npy'],
      [/(day|night)\.npy/g, 'test.npy'],
    ],
    exits: [0, 1],
  },

  // Samples of other kinds.
  { document: 'docs/data.md', world: 'arrays' },
  { document: 'docs/data.md', command: /photos|--preprocess|labels\.csv/, world: 'pictures' },
  {
    document: 'docs/data.md',
    command: /ids=ids/,
    world: 'words',
    replace: [
      [/ids=/, 'input_ids='],
      [/mask=/, 'attention_mask='],
    ],
  },
  {
    command: /--bin-shape/,
    replace: [
      [/224x224x3/, '32x32x3'],
      [/calib\.bin/, 'pixels.bin'],
    ],
  },
  { document: 'docs/data.md', command: /--size 320x320/, replace: [[/320x320/, '32x32']] },
  { command: /^quantize (minilm|.*my-model)/, world: 'words' },
  { command: /transformers-js my-model --/, replace: [[/my-model/, 'my-model --force']] },
  { document: 'docs/compare.md', command: /--metric detection/, world: 'scenes' },

  // What learns for minutes learns for seconds.
  { command: /steps=1000/, world: 'arrays', replace: [[/steps=1000/, 'steps=10']] },
  {
    document: 'docs/refine.md',
    command: /reconstruct/,
    replace: [[/reconstruct(?!:steps)/, 'reconstruct:steps=10']],
  },
  { command: /weights=adaround/, world: 'arrays' },
  { command: /--train-data/, replace: [[/$/, ' --refine finetune:steps=5']] },

  // Gates that these models miss, and what other runtimes refuse.
  { command: /--max-size 300KB --gate|compare|--auto/, exits: [0, 1] },
  { command: /^quantize check/, exits: [0, 1] },
  { command: /resnet20/, elsewhere: true },
  // One instead of the other.
  { command: /^quantize init model/, replace: [[/^quantize init/, 'quantize init --force']] },
  { command: /\/head\/\*/, replace: [[/\/head\/\*/, 'logits']] },
];

/** How one command is run. */
export interface Planned extends Pick<Way, 'world' | 'reason'> {
  readonly text: string;
  readonly exits: readonly number[];
  readonly compared: boolean;
}

/** @throws where nothing says how it is run */
export function planFor({ document, line, text, output }: DocumentCommand): Planned {
  const found = ways.filter(
    (way) =>
      (way.document === undefined || document.startsWith(way.document)) &&
      (way.command === undefined || way.command.test(text)),
  );
  const said = found.filter(({ world, reason }) => world !== undefined || reason !== undefined).at(-1);
  if (said === undefined)
    throw new Error(`${document}:${line}: tools/documents/plan.ts does not say how this is run:\n${text}`);
  const replaced = found
    .flatMap(({ replace = [] }) => replace)
    .reduce((before, [pattern, by]) => before.replace(pattern, by), text);
  return {
    ...(said.world === undefined || said.reason !== undefined
      ? { reason: said.reason }
      : { world: said.world }),
    text: replaced,
    exits: found.findLast(({ exits }) => exits !== undefined)?.exits ?? [0],
    compared: output !== undefined && !found.some(({ elsewhere }) => elsewhere),
  };
}
