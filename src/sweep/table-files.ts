import { actBitsOf } from '../recipe.js';
import { csvLine } from '../report/csv.js';
import { agreementOf, type SweepRecord, type SweepResult, sqnrOf } from './record.js';
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
    ]);
  });
  return `${[csvLine(heads), ...rows].join('\n')}\n`;
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

/** Mean and standard deviation of the same combination by several seeds, in place of the first. */
export function joinSeeds(
  runs: readonly (readonly SweepResult[])[],
  seeds: readonly number[],
): SweepResult[] {
  const [first = []] = runs;
  return first.map((own, at) => {
    const all = runs.map((results) => results[at] as SweepResult);
    const top = all.map(({ task }) => task?.quantized);
    const agreement = all.map(agreementOf);
    const sqnr = all.map(sqnrOf);
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    /** Of a sample, so that two seeds have one, too. */
    const deviation = (values: readonly (number | undefined)[]) => {
      if (!values.every((value) => value !== undefined && Number.isFinite(value))) return null;
      const known = values as readonly number[];
      const centre = mean(known);
      return Math.sqrt(known.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (known.length - 1));
    };
    const [topMean, agreementMean, sqnrMean] = [top, agreement, sqnr].map((values) =>
      values.every((value) => value !== undefined) ? mean(values as number[]) : undefined,
    );
    return {
      ...own,
      sizeBytes: Math.round(mean(all.map(({ sizeBytes }) => sizeBytes))),
      outputs: own.outputs.map((output) => ({
        ...output,
        sqnrDb: sqnrMean !== undefined && Number.isFinite(sqnrMean) ? sqnrMean : null,
        topOneAgreement: output.topOneAgreement === null ? null : (agreementMean ?? null),
      })),
      task: own.task && { ...own.task, quantized: topMean ?? own.task.quantized },
      spread: { seeds, topOne: deviation(top), agreement: deviation(agreement), sqnrDb: deviation(sqnr) },
    };
  });
}
