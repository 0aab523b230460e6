import { gateSummary } from '../facts.js';
import type { Result } from '../result.js';
import { renderDocument } from './document.js';
import { distributions, drift, mistakes, search, suggestions } from './findings.js';
import { learning } from './learning.js';
import { type Markup, markup } from './markup.js';
import { pictures } from './pictures.js';
import { plan, provenance, recipe, warnings } from './record.js';
import { baseline, figures, gates, header, metrics, sets } from './summary.js';
import { trend } from './trend.js';

/** The report as one page. */
export function renderPage(result: Result): string {
  const summary = gateSummary(result);
  const title = `${result.quantized.name}: ${summary ? summary.text : 'quantization report'}`;
  const sections = [
    ...[
      gates,
      figures,
      sets,
      baseline,
      trend,
      warnings,
      drift,
      distributions,
      mistakes,
      metrics,
      pictures,
      suggestions,
    ],
    ...[search, learning, plan, recipe],
  ].map((section) => section(result));
  const body = markup`${header(result)}
<main>
${sections.filter((section): section is Markup => section !== undefined)}
</main>
${provenance(result)}`;
  return renderDocument(title, result.tool, body);
}
