import { count, dropOf, type GateSummary, gateSummary, qualityOf, sizeRatio } from '../facts.js';
import { formatBytes, formatDate, formatPercent } from '../format.js';
import type { Result } from '../result.js';
import { renderDocument } from './document.js';
import { type Markup, markup, table } from './markup.js';
import { sentence, signs } from './summary.js';

/** One model of a configuration. */
export interface IndexEntry {
  readonly result: Result;
  /** Address of its page, relative to the index; undefined where it has none. */
  readonly page: string | undefined;
}

/** One page for several models: what came of each, and the way to its own page. Dates and times stand in their columns. */
export function renderIndex(entries: readonly IndexEntry[], { verdict, text }: GateSummary): string {
  const [first] = entries;
  const rows = entries.map(({ result, page }) => {
    const { float, quantized, task, timing } = result;
    const summary = gateSummary(result);
    const name = markup`<code>${quantized.name}</code>`;
    return [
      page === undefined ? name : markup`<a href="${page}">${name}</a>`,
      summary
        ? markup`<span class="outcome ${summary.verdict}">${signs[summary.verdict]} ${sentence(summary.text)}</span>`
        : 'no gates',
      task ? `${formatPercent(task.quantized)} (${dropOf(task)} points)` : sentence(qualityOf(result)),
      `${formatBytes(float.sizeBytes)} → ${formatBytes(quantized.sizeBytes)}`,
      `${sizeRatio(result).toFixed(2)}×`,
      timing.speed ? `${timing.speed.ratio.toFixed(2)}×` : '–',
      formatDate(timing.at),
    ];
  });
  const columns = [
    ...['model', 'gates', 'quality'].map((head) => ({ head })),
    ...['size', 'of float', 'as fast', 'when'].map((head) => ({ head, isNumber: true })),
  ];
  const outcome: Markup = markup`<span class="outcome ${verdict}">${signs[verdict]} ${sentence(text)}.</span>`;
  const body = markup`<header>
<p class="eyebrow">Quantization report</p>
<h1>${count(entries.length, 'model')}</h1>
<p class="verdict">${outcome}</p>
</header>
<main><section aria-label="Models">
${table('Models', columns, rows, { sorts: true })}
</section></main>
<footer><p>${first ? `${first.result.tool.name} ${first.result.tool.version}` : ''}</p></footer>`;
  return renderDocument(`${count(entries.length, 'model')}: ${text}`, first?.result.tool ?? noTool, body);
}

const noTool = { name: '', version: '' };
