import { metrics } from '../gate/metrics.js';
import { readOn } from '../gate/read-on.js';
import { printable } from './escape.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';

/** OpenMetrics text, as GitLab's metrics report and Prometheus read it: every number that a gate could limit. */
export const openmetrics = {
  name: 'openmetrics',
  summary: "OpenMetrics text, for GitLab's metrics report",
  ending: '.txt',
  render(result) {
    const label = `{model="${labelOf(result.quantized.name)}"}`;
    const lines = [...builtIn(result), ...own(result)].flatMap(([name, value]) => [
      `# TYPE quantize_${name} gauge`,
      `quantize_${name}${label} ${value}`,
    ]);
    return `${lines.join('\n')}\n# EOF\n`;
  },
} as const satisfies Reporter;

const labelOf = (text: string): string => printable(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"');

const nameOf = (text: string): string => text.replace(/[^a-zA-Z0-9_]/g, '_');

function builtIn(result: Result): [string, number][] {
  return metrics.flatMap((metric): [string, number][] => {
    const reading = readOn(metric, result);
    return 'value' in reading && Number.isFinite(reading.value) ? [[metric.name, reading.value]] : [];
  });
}

/** Of two that have one name when signs are left out, the first. */
function own({ metrics: all }: Result): [string, number][] {
  const found = new Map<string, number>();
  for (const { name, quantized } of all) {
    const key = `user_${nameOf(name)}`;
    if (quantized !== null && !found.has(key)) found.set(key, quantized);
  }
  return [...found];
}
