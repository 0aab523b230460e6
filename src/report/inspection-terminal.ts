import type { ValueInfo } from '../graph/model.js';
import { recipeName } from '../recipe.js';
import { chalk } from './colours.js';
import { escapeControls } from './escape.js';
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
  for (const { id, opType, dims, position, quantized, reason } of plan.layers) {
    const input = quantized?.inputBits ? `, input ${quantized.inputBits} bits` : ', stored; runs in float';
    const note = quantized?.note ? ` (${quantized.note})` : '';
    const described = quantized
      ? `${quantized.scheme} ${quantized.bits} bits a ${quantized.granularity}${input}${note}`
      : `float: ${reason}`;
    rows.push([id, opType, dims.join('×'), position ?? '', described].map(escapeControls));
  }
  return alignColumns(rows);
}

function activations({ plan }: Inspection): string[] {
  if (plan.activations.length === 0) return [];
  const rows = [['integer activation', 'bits', 'scale and zero point']];
  for (const { name, bits, parametersOf } of plan.activations) {
    const parameters = parametersOf === name ? 'its own' : `of ${parametersOf}`;
    rows.push([name, String(bits), parameters].map(escapeControls));
  }
  return alignColumns(rows, [1]);
}

function float({ plan }: Inspection): string[] {
  if (plan.float.length === 0) return ['nothing beside the layers above stays float'];
  const rows = [['stays float', 'operator', 'because']];
  for (const { id, opType, reason } of plan.float) rows.push([id, opType, reason].map(escapeControls));
  return alignColumns(rows);
}
