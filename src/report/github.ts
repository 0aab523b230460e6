import { escapeCommandData, escapeCommandProperty, escapeControls } from './escape.js';
import { gateSummary, measuredOf, outcomeOf, qualityOf, sizeRatio } from './facts.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';

/**
 * Workflow commands of GitHub Actions, which show as annotations of a run, at the float model's file: an error for each gate
 * that failed, a warning for each that is one and for all that the run warned of, and the verdict.
 */
export const github = {
  name: 'github',
  summary: 'annotations of a GitHub workflow',
  render: (result) => annotations(result, result.float.name),
} as const satisfies Reporter;

/** @param file - path of the float model in the repository */
export function annotations(result: Result, file: string): string {
  const { gates, warnings, quantized } = result;
  const command = commandOf(file);
  const summary = gateSummary(result)?.text ?? 'no gates';
  const facts = `${qualityOf(result)}, ${sizeRatio(result).toFixed(2)}× the size; ${summary}`;
  const missed = gates.filter(({ passed }) => !passed);
  const lines = [
    ...missed.map((gate) => {
      const level = outcomeOf(gate) === 'failed' ? 'error' : 'warning';
      return command(level, `Gate ${gate.gate} of ${quantized.name}`, measuredOf(gate));
    }),
    ...warnings.map((text) => command('warning', `Quantization of ${quantized.name}`, text)),
    command('notice', quantized.name, facts),
  ];
  return `${lines.join('\n')}\n`;
}

const commandOf =
  (file: string) =>
  (level: 'error' | 'warning' | 'notice', title: string, message: string): string =>
    `::${level} file=${escapeCommandProperty(escapeControls(file))},title=${escapeCommandProperty(escapeControls(title))}::${escapeCommandData(escapeControls(message))}`;
