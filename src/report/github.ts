import { escapeCommandData, escapeCommandProperty, escapeControls } from './escape.js';
import { gateSummary, measuredOf, outcomeOf, qualityOf, sizeRatio } from './facts.js';
import type { Reporter } from './reporter.js';

/**
 * Workflow commands of GitHub Actions, which show as annotations of a run: an error for each gate that failed, a warning
 * for each that is one and for all that the run warned of, and the verdict.
 */
export const github = {
  name: 'github',
  summary: 'annotations of a GitHub workflow',
  render(result) {
    const { gates, warnings, quantized } = result;
    const summary = gateSummary(result)?.text ?? 'no gates';
    const facts = `${qualityOf(result)}, ${sizeRatio(result).toFixed(2)}× the size; ${summary}`;
    const missed = gates.filter(({ passed }) => !passed);
    const lines = [
      ...missed.map((gate) =>
        command(outcomeOf(gate) === 'failed' ? 'error' : 'warning', `Gate ${gate.gate}`, measuredOf(gate)),
      ),
      ...warnings.map((text) => command('warning', `Quantization of ${quantized.name}`, text)),
      command('notice', quantized.name, facts),
    ];
    return `${lines.join('\n')}\n`;
  },
} as const satisfies Reporter;

const command = (level: 'error' | 'warning' | 'notice', title: string, message: string): string =>
  `::${level} title=${escapeCommandProperty(escapeControls(title))}::${escapeCommandData(escapeControls(message))}`;
