import type { ValueInfo } from '../graph/model.js';
import { type LayerNames, matches, recipeName } from '../recipe.js';
import { chalk } from './colours.js';
import { escapeControls } from './escape.js';
import { NAME_WIDTH, shortenName } from './facts.js';
import { alignColumns } from './format.js';
import type { Inspection } from './inspection.js';

/** The plan for a terminal: layers, integer activations, and the reason for everything that stays float. */
export function renderInspection(inspection: Inspection): string {
  const blocks = [header(inspection), layers(inspection), activations(inspection), float(inspection)];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

function header({ model, recipe, inputs, outputs, fold }: Inspection): string[] {
  const samples =
    recipe.activations.kind === 'static' ? ' (with calibration samples; without: --act-bits float)' : '';
  const lines = [`${chalk.bold(escapeControls(model))}  plan ${recipeName(recipe)}${samples}`];
  for (const input of inputs) lines.push(`input   ${describeValue(input)}`);
  for (const output of outputs) lines.push(`output  ${describeValue(output)}`);
  for (const { summary, changes } of fold) lines.push(`folded  ${summary} (${changes})`);
  return lines;
}

function describeValue({ name, dataType, shape }: ValueInfo): string {
  const dims = shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : 'of unknown rank';
  return escapeControls(`${name}  ${dataType ?? 'not a tensor'} ${dims}`);
}

function layers({ plan }: Inspection): string[] {
  const rows = [['layer', 'operator', 'weight', 'place', 'plan']];
  const names = namesIn(plan);
  for (const { id, opType, dims, position, quantized, reason } of plan.layers) {
    const input = quantized?.inputBits ? `, input ${quantized.inputBits} bits` : ', stored; runs in float';
    const note = quantized?.note ? ` (${quantized.note})` : '';
    const described = quantized
      ? `${quantized.scheme} ${quantized.bits} bits a ${quantized.granularity}${input}${note}`
      : `float: ${reason}`;
    const named = patternOf(id, names);
    rows.push([named, opType, dims.join('×'), position ?? '', described].map(escapeControls));
  }
  return fitted(rows);
}

function activations({ plan }: Inspection): string[] {
  if (plan.activations.length === 0) return [];
  const rows = [['integer activation', 'bits', 'scale and zero point']];
  for (const { name, bits, parametersOf } of plan.activations) {
    const parameters = parametersOf === name ? 'its own' : `of ${shortenName(parametersOf)}`;
    rows.push([shortenName(name), String(bits), parameters].map(escapeControls));
  }
  return fitted(rows, [1]);
}

function float({ plan }: Inspection): string[] {
  if (plan.float.length === 0) return ['nothing beside the layers above stays float'];
  const rows = [['stays float', 'operator', 'because']];
  const names = namesIn(plan);
  for (const { id, opType, reason } of plan.float)
    rows.push([patternOf(id, names), opType, reason].map(escapeControls));
  return fitted(rows);
}

/** All that a pattern could name. */
const namesIn = ({ layers, float, activations }: Inspection['plan']): LayerNames[] => [
  ...layers.map(({ id, name }) => ({ id, name: name ?? undefined })),
  ...[...float.map(({ id }) => id), ...activations.map(({ name }) => name)].map((id) => ({
    id,
    name: undefined,
  })),
];

/** Of a long name so much is shown that a person knows it again. */
const KNOWN_AGAIN = 36;

/** A pattern for a flag that names this one alone: the name, or as much of it as tells what it is; cut where none is short. */
function patternOf(id: string, names: readonly LayerNames[]): string {
  if (id.length <= NAME_WIDTH) return id;
  const half = KNOWN_AGAIN / 2;
  const patterns = [`${id.slice(0, KNOWN_AGAIN)}*`, `${id.slice(0, half)}*${id.slice(-half)}`];
  const others = names.filter((each) => each.id !== id);
  const unique = patterns.find((pattern) => !others.some((each) => matches(pattern, each)));
  return unique ?? shortenName(id);
}

/** Longest line. */
const WIDTH = 120;

/** A table whose last column is broken into lines where it would be too wide. */
function fitted(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const lines = alignColumns(rows, right);
  const last = (rows[0]?.length ?? 1) - 1;
  const start = lines[0]?.lastIndexOf(rows[0]?.[last] ?? '') ?? 0;
  return lines.flatMap((line) => {
    const broken: string[] = [];
    let rest = line;
    while (rest.length > WIDTH) {
      const space = rest.lastIndexOf(' ', WIDTH);
      if (space <= start) break;
      broken.push(rest.slice(0, space));
      rest = `${' '.repeat(start)}${rest.slice(space + 1)}`;
    }
    return [...broken, rest];
  });
}
