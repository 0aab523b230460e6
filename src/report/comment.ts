import { escapeMarkdown, markdownCode } from './escape.js';
import { describeChange, dropOf, gateSummary, outcomeOf, qualityOf, sizeRatio } from './facts.js';
import { formatBytes, formatPercent } from './format.js';
import { markdown, signs } from './markdown.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';

/** One line with what changed, for a comment on a pull request; everything else is folded below it. */
export const comment = {
  name: 'comment',
  summary: 'one line for a comment on a pull request, details folded',
  render(result) {
    const summary = gateSummary(result);
    const sign = summary ? `${signs[summary.verdict]} ` : '';
    const missed = result.gates.filter((gate) => outcomeOf(gate) !== 'passed');
    const gates =
      missed.length > 0 ? [`missed: ${missed.map(({ gate }) => markdownCode(gate)).join(', ')}`] : [];
    const line = [...factsOf(result), ...gates].join(' · ');
    return `${sign}**${markdownCode(result.quantized.name)}** ${line}

<details><summary>Report</summary>

${markdown.render(result)}
</details>
`;
  },
} as const satisfies Reporter;

/** Size, accuracy and speed, with what changed since the baseline. */
function factsOf(result: Result): string[] {
  const { quantized, task, baseline, timing } = result;
  const since = (metric: string) => {
    const change = baseline?.changes.find((each) => each.metric === metric);
    return change && change.before !== null && change.after !== null && change.before !== change.after
      ? ` (${escapeMarkdown(describeChange(change).shown)})`
      : baseline
        ? ' (=)'
        : '';
  };
  const size = `${formatBytes(quantized.sizeBytes)}${since('size') || ` (${sizeRatio(result).toFixed(2)}×)`}`;
  const quality = task
    ? `top-1 ${formatPercent(task.quantized)}${since('top1') || ` (${dropOf(task)} points)`}`
    : escapeMarkdown(qualityOf(result));
  const speed = timing.speed ? [`${timing.speed.ratio.toFixed(2)}× as fast`] : [];
  return [size, quality, ...speed];
}
