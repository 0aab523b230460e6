import type { ModelDifference } from '../evaluate/model-differences.js';
import { tool } from '../version.js';
import { escapeControls } from './escape.js';

/** Whether a quantized model is what its recipe makes of the float model. */
export interface Verification {
  readonly quantized: { readonly path: string; readonly sha256: string };
  readonly from: { readonly path: string; readonly sha256: string };
  /** Whether every byte is. */
  readonly holds: boolean;
  /** Name and version of the tool that the file says made it. */
  readonly madeBy: string | undefined;
  /** The runtime that it says it was made with. */
  readonly runtime: string | undefined;
  /** Empty where it holds, and where only the encoding of the file differs. */
  readonly differences: readonly ModelDifference[];
}

/** So many of a kind are named. */
const MOST_NAMED = 8;

const kinds = [
  ['tensor', 'tensor differs', 'tensors differ'],
  ['node', 'node differs', 'nodes differ'],
  ['metadata', 'entry of the metadata differs', 'entries of the metadata differ'],
  ['header', 'other part differs', 'other parts differ'],
] as const;

/** Longest value of a metadata entry that is shown. */
const MAX_TEXT = 300;

/** A verification as text. */
export function renderVerification(verification: Verification): string {
  const { quantized, from, holds, madeBy, differences } = verification;
  const made = `${tool.name} ${tool.version}`;
  if (holds)
    return `${escapeControls(quantized.path)} is what its recipe makes of ${escapeControls(from.path)}: every byte is the same.\n`;
  const lines = [
    `${escapeControls(quantized.path)} is not what its recipe makes of ${escapeControls(from.path)}.`,
  ];
  for (const [kind, one, many] of kinds) {
    const own = differences.filter((difference) => difference.kind === kind);
    if (own.length === 0) continue;
    lines.push(
      '',
      `${own.length} ${own.length === 1 ? one : many}:`,
      ...own.slice(0, MOST_NAMED).map(lineOf),
    );
    if (own.length > MOST_NAMED) lines.push(`  … and ${own.length - MOST_NAMED} more`);
  }
  if (differences.length === 0)
    lines.push('', 'All tensors, nodes and metadata are the same: only the encoding of the file differs.');
  if (madeBy !== made)
    lines.push(
      '',
      `It says that ${escapeControls(madeBy ?? 'nobody')} made it, and this is ${made}: versions may differ.`,
    );
  return `${lines.join('\n')}\n`;
}

function lineOf({ name, layer, text }: ModelDifference): string {
  const where = layer === undefined || layer === name ? '' : ` of layer ${escapeControls(layer)}`;
  const said = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return `  ${escapeControls(name)}${where} ${escapeControls(said)}`;
}
