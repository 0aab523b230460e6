import { createHash } from 'node:crypto';
import { gateSummary } from '../facts.js';
import type { Result } from '../result.js';
import { distributions, drift, mistakes, search, suggestions } from './findings.js';
import { Markup, markup } from './markup.js';
import { plan, provenance, recipe, warnings } from './record.js';
import { style } from './style.js';
import { baseline, figures, gates, header, metrics } from './summary.js';

/**
 * The report as one page: no script, nothing from elsewhere, and a policy that lets a browser load nothing else than
 * this style sheet and the thumbnails in the page.
 */
export function renderPage(result: Result): string {
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const summary = gateSummary(result);
  const title = `${result.quantized.name}: ${summary ? summary.text : 'quantization report'}`;
  const sections = [
    ...[gates, figures, baseline, warnings, drift, distributions, mistakes, metrics, suggestions],
    ...[search, plan, recipe],
  ].map((section) => section(result));
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${result.tool.name} ${result.tool.version}">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
${header(result)}
<main>
${sections.filter((section): section is Markup => section !== undefined)}
</main>
${provenance(result)}
</body>
</html>
`;
  return page.text;
}
