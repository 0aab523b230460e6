import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { derivatives } from '../src/derive/derivatives.js';
import { momentRules } from '../src/graph/propagate-moments.js';
import { rankRules } from '../src/graph/rank.js';
import { weightRules } from '../src/graph/weight-inputs.js';
import { operators } from '../src/place/operators.js';

/** What one part of the tool knows of operators, and why it knows nothing of the others. */
interface Column {
  readonly title: string;
  readonly meaning: string;
  readonly read: (opType: string) => string | undefined;
  /** Reason → the operators that have none for it, divided by spaces. */
  readonly none: Readonly<Record<string, string>>;
}

const columns: readonly Column[] = [
  {
    title: 'placement',
    meaning: 'its role between integer layers ([placement.md](placement.md)); without one it stays float.',
    read: (opType) => {
      const role = Object.hasOwn(operators, opType) ? operators[opType]?.role : undefined;
      const stored = Object.hasOwn(weightRules, opType) ? 'stored' : undefined;
      return [role, stored].filter(Boolean).join(', ') || undefined;
    },
    none: {
      'folded away before': 'BatchNormalization Dropout',
      'written as others before': 'HardSwish',
      'no integer kernel':
        'Abs Div Elu Erf Exp Gelu GlobalMaxPool GroupNormalization InstanceNormalization LayerNormalization Log LogSoftmax Neg PRelu Pow RMSNormalization Reciprocal ReduceL2 ReduceMean ReduceSum SimplifiedLayerNormalization Softplus Sqrt Sub Sum Tanh Where',
    },
  },
  {
    title: 'moments',
    meaning:
      'mean and variance of each channel get through it without samples; without them a value behind it has no range with `--observer dfq`, unless a BatchNormalization follows.',
    read: (opType) => (Object.hasOwn(momentRules, opType) ? 'yes' : undefined),
    none: {
      'integers, which have no range': 'Shape Size',
      'starts with its own': 'BatchNormalization',
      'in networks without BatchNormalization':
        'Erf Exp Gelu Log LogSoftmax Pow RMSNormalization Reciprocal SimplifiedLayerNormalization Sqrt Where',
      'its states go round': 'GRU LSTM RNN',
      'its places follow from another input': 'DeformConv GatherND',
      'its equation tells': 'Einsum',
      'its moments follow from its groups, not from its channels': 'GroupNormalization InstanceNormalization',
      'not met behind a BatchNormalization': 'Abs Div PRelu ReduceL2 ReduceSum Softplus Sum Tile',
    },
  },
  {
    title: 'rank',
    meaning:
      'the rank of its output is known where those of its inputs are; without it passes that need it leave the graph alone, unless the file states the shape.',
    read: (opType) => (Object.hasOwn(rankRules, opType) ? 'yes' : undefined),
    none: {
      'its second input tells it': 'Expand Squeeze Unsqueeze',
      'its equation tells': 'Einsum',
      'not met between layers': 'DeformConv GatherND',
    },
  },
  {
    title: 'shapes',
    meaning:
      'the shapes of its outputs, which the size of buffers and the derivatives need. No part works them out: one run of the model measures them, whatever the operator.',
    read: () => 'measured',
    none: {},
  },
  {
    title: 'derivative',
    meaning: 'a gradient gets through it; without one what stands before it cannot be trained through it.',
    read: (opType) => (derivatives.some((rule) => rule.opType === opType) ? 'yes' : undefined),
    none: {
      'integers, which have no gradient': 'Shape Size',
      'folded away before': 'Dropout',
      'not met between layers': 'DeformConv DepthToSpace Einsum GatherND GlobalMaxPool SpaceToDepth Tile',
    },
  },
];

const tables = [operators, weightRules, momentRules, rankRules];
const names = [
  ...new Set([...tables.flatMap(Object.keys), ...derivatives.map(({ opType }) => opType)]),
].sort();

const missing = ({ read }: Column) => names.filter((name) => read(name) === undefined);
const excused = ({ none }: Column) => Object.values(none).flatMap((list) => list.split(' '));

function cell(column: Column, name: string): string {
  const reason = Object.entries(column.none).find(([, list]) => list.split(' ').includes(name))?.[0];
  return column.read(name) ?? `none: ${reason}`;
}

function page(): string {
  const meanings = columns.map(({ title, meaning }) => `- **${title}**: ${meaning}`);
  const rows = [
    ['operator', ...columns.map(({ title }) => title)],
    ...names.map((name) => [name, ...columns.map((column) => cell(column, name))]),
  ];
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[], fill = ' ') =>
    `| ${cells.map((text, i) => text.padEnd(widths[i] ?? 0, fill)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  const rule = line(
    head.map(() => ''),
    '-',
  );
  return `# Operators, and what each part of the tool knows of them

Made from the tables of the code by a test; \`npx vitest run test/operators-table.test.ts --update\` writes it anew. An
operator that is not in it stays float, and ends what is known without samples.

${meanings.join('\n')}

${[line(head), rule, ...body.map((row) => line(row))].join('\n')}
`;
}

test('docs/operators.md is what the tables say', async () => {
  await expect(page()).toMatchFileSnapshot(fileURLToPath(new URL('../docs/operators.md', import.meta.url)));
});

test.each(columns)('$title: an operator without has a reason, and one with it has none', (column) => {
  expect(excused(column).sort()).toEqual(missing(column));
});
