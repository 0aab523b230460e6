import { createHash } from 'node:crypto';
import { formatBytes, formatPercent } from '../report/format.js';
import { escapeMarkup } from './markup.js';
import { colours, plotSweep, schemesOf, shapeOf, widthsOf } from './plot.js';
import type { SweepRecord } from './record.js';
import { cellsOf } from './render-table.js';

/** Colours and type; both schemes have a contrast of 4.5 for text (WCAG 2.2, 1.4.3). */
const style = `
:root { color-scheme: light dark; --page: #fff; --text: #1c2026; --muted: #586070; --line: #dfe2e6; }
@media (prefers-color-scheme: dark) { :root { --page: #13161b; --text: #e7e9ec; --muted: #a3abb8; --line: #313842; } }
@media print { :root { --page: #fff; --text: #1c2026; --muted: #586070; --line: #dfe2e6; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; }
.legend svg { width: 1em; height: 1em; vertical-align: -0.1em; margin-right: 0.3em; }
.legend span { margin-right: 1.2em; white-space: nowrap; }
.grid { stroke: var(--line); }
.tick, .title { fill: var(--muted); font-size: 12px; }
.front { fill: none; stroke: var(--muted); stroke-dasharray: 4 3; }
.mark { stroke: var(--page); }
.behind { opacity: 0.45; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; }
tbody th { font-weight: 400; }
tr.on th { font-weight: 650; }
pre { overflow-x: auto; padding: 0.7rem; border: 1px solid var(--line); }
`;

/** The sweep as one page: picture, table, the best and its command. No script, and nothing from elsewhere. */
export function renderPage(record: SweepRecord): string {
  const { float, results, front, evaluation, choice, tool, runtime } = record;
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const [task] = results.flatMap((result) => result.task ?? []);
  const accuracy = task ? `, top-1 ${formatPercent(task.float)}` : '';
  const facts = `${formatBytes(float.sizeBytes)}${accuracy}; ${results.length} combinations on ${evaluation.samples} ${evaluation.kind} samples of ${evaluation.label}; ${tool.name} ${tool.version}, onnxruntime ${runtime.version}.`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>Sweep of ${escapeMarkup(float.name)}</title>
<style>${style}</style>
</head>
<body>
<h1>Sweep of ${escapeMarkup(float.name)}</h1>
<p>${escapeMarkup(facts)}</p>
${choice ? choiceOf(choice) : ''}
<figure>
${plotSweep(record)}
<figcaption class="legend">${legend(record)}</figcaption>
</figure>
${table(record, front)}
</body>
</html>
`;
}

function choiceOf({ limits, name, command }: NonNullable<SweepRecord['choice']>): string {
  if (name === null) return `<p>No combination keeps to ${escapeMarkup(limits)}.</p>`;
  return `<p>Best with ${escapeMarkup(limits)}: <strong>${escapeMarkup(name)}</strong></p>
<pre>${escapeMarkup(command ?? '')}</pre>`;
}

function legend(record: SweepRecord): string {
  const sign = (shape: string, fill: string) =>
    `<svg viewBox="-7 -7 14 14" aria-hidden="true" fill="${fill}">${shape}</svg>`;
  const schemes = schemesOf(record).map(
    (scheme, i) =>
      `<span>${sign(shapeOf(0), colours[i % colours.length] as string)}${escapeMarkup(scheme)}</span>`,
  );
  const widths = widthsOf(record).map((width, i) => {
    const text = width === 'float' ? 'float activations' : `${width}-bit activations`;
    return `<span>${sign(shapeOf(i), 'currentColor')}${text}</span>`;
  });
  return [...schemes, ...widths, '<span>dashed: the front of each width of activations</span>'].join('\n');
}

function table(record: SweepRecord, front: readonly string[]): string {
  const cells = record.results.map((result) => cellsOf(result, record));
  const headings = [...new Set(cells.flatMap((row) => Object.keys(row)))];
  const rows = record.results.map(({ name }, i) => {
    const row = headings.map((heading) => `<td>${escapeMarkup(cells[i]?.[heading] ?? '')}</td>`).join('');
    const isOn = front.includes(name);
    return `<tr${isOn ? ' class="on"' : ''}><th scope="row">${escapeMarkup(name)}${isOn ? ' *' : ''}</th>${row}</tr>`;
  });
  const heads = ['combination', ...headings].map((heading) => `<th scope="col">${heading}</th>`).join('');
  return `<div class="scroll"><table>
<thead><tr>${heads}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table></div>
<p>* No other combination is better in size, activation width and quality taken together.</p>`;
}
