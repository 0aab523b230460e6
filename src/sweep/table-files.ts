import { actBitsOf } from '../recipe.js';
import { csvLine } from '../report/csv.js';
import { agreementOf, type SweepRecord, type SweptSet, sqnrOf } from './record.js';
import { cellsOf } from './render-table.js';

/** The table of a sweep as comma-separated values, numbers as they were measured: shares from 0 to 1, sizes in bytes. */
export function renderCsv(record: SweepRecord): string {
  const heads = [
    ...[
      'combination',
      'scheme',
      'bits',
      'act_bits',
      'act_scheme',
      'observer',
      'granularity',
      'group',
      'refine',
    ],
    ...['size_bytes', 'top1', 'top1_float', 'agreement', 'sqnr_db', 'speedup', 'front'],
    ...['seeds', 'top1_sd', 'agreement_sd', 'sqnr_db_sd'],
    ...setNamesOf(record).flatMap((name) => setColumns.map((column) => `${column}@${name}`)),
  ];
  const rows = record.results.map((result) => {
    const { name, recipe, sizeBytes, task, speed, spread } = result;
    const { activations } = recipe;
    const fixed = activations.kind === 'static' ? activations : undefined;
    const sqnr = sqnrOf(result);
    return csvLine([
      ...[name, recipe.scheme, recipe.bits, actBitsOf(recipe), fixed?.levels, fixed?.observer],
      ...[recipe.granularity, recipe.group, recipe.refine, sizeBytes, task?.quantized, task?.float],
      ...[
        agreementOf(result),
        Number.isFinite(sqnr) ? sqnr : null,
        speed?.ratio,
        record.front.includes(name),
      ],
      ...[spread?.seeds.length, spread?.topOne, spread?.agreement, spread?.sqnrDb],
      ...setNamesOf(record).flatMap((set) => setCells(result.sets?.find((each) => each.name === set))),
    ]);
  });
  return `${[csvLine(heads), ...rows].join('\n')}\n`;
}

/** Every set of samples that a combination was measured on, where there are several. */
const setNamesOf = ({ results }: SweepRecord): string[] => [
  ...new Set(results.flatMap(({ sets = [] }) => sets.map(({ name }) => name))),
];

const setColumns = ['top1', 'agreement', 'sqnr_db', 'top1_sd', 'agreement_sd', 'sqnr_db_sd'];

function setCells(set: SweptSet | undefined): (number | null | undefined)[] {
  if (!set) return setColumns.map(() => null);
  const sqnr = sqnrOf(set);
  const { task, spread } = set;
  return [
    ...[task?.quantized, agreementOf(set), Number.isFinite(sqnr) ? sqnr : null],
    ...[spread?.topOne, spread?.agreement, spread?.sqnrDb],
  ];
}

/** Text of LaTeX: nothing in it is a command. */
const tex = (text: string): string =>
  text
    .replace(/[\\{}$&#%_^~]/g, (sign) => special[sign] ?? `\\${sign}`)
    .replaceAll('×', '$\\times$')
    .replaceAll('−', '$-$')
    .replaceAll('±', '$\\pm$');

const special: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
};

/** The table of a sweep in LaTeX, with the rules of booktabs; the front is bold. */
export function renderTex(record: SweepRecord): string {
  const cells = record.results.map((result) => cellsOf(result, record));
  const heads = [...new Set(cells.flatMap((row) => Object.keys(row)))];
  const row = (all: readonly string[]) => `  ${all.join(' & ')} \\\\`;
  const rows = record.results.map(({ name }, i) => {
    const shown = tex(name);
    const first = record.front.includes(name) ? `\\textbf{${shown}}` : shown;
    return row([first, ...heads.map((head) => tex(cells[i]?.[head] ?? ''))]);
  });
  return `% ${record.tool.name} ${record.tool.version}; needs \\usepackage{booktabs}
\\begin{tabular}{l${'r'.repeat(heads.length)}}
  \\toprule
${row(['combination', ...heads].map(tex))}
  \\midrule
${rows.join('\n')}
  \\bottomrule
\\end{tabular}
`;
}
