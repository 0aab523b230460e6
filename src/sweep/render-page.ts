import { formatBytes, formatPercent } from '../report/format.js';
import { renderDocument } from '../report/html/document.js';
import { Markup, markup, table } from '../report/html/markup.js';
import { plotSweep, signsOf } from './plot.js';
import type { Choice, SweepRecord } from './record.js';
import { cellsOf } from './render-table.js';

/** The sweep as one page: the best and its command, the picture, the table. */
export function renderPage(record: SweepRecord): string {
  const { float, results, evaluation, choice, tool, runtime } = record;
  const [task] = results.flatMap((result) => result.task ?? []);
  const accuracy = task ? `, top-1 ${formatPercent(task.float)}` : '';
  const body = markup`<header>
<h1>Sweep of ${float.name}</h1>
<p class="note">${formatBytes(float.sizeBytes)}${accuracy}; ${results.length} combinations on ${evaluation.samples} ${evaluation.kind} samples of ${evaluation.label}</p>
${choice ? choiceOf(choice) : undefined}
</header>
<main>
${results.length > 0 ? picture(record) : undefined}
<section aria-labelledby="all-title">
<h2 id="all-title">All combinations</h2>
<p class="note">* No other combination is better in size, activation width and quality taken together.</p>
${tableOf(record)}
</section>
</main>
<footer>${tool.name} ${tool.version}, ${runtime.name} ${runtime.version} (${runtime.provider})</footer>`;
  return renderDocument(`Sweep of ${float.name}`, tool, body);
}

function choiceOf({ limits, name, command }: Choice): Markup {
  if (name === null) return markup`<p class="verdict">No combination keeps to <code>${limits}</code>.</p>`;
  return markup`<p class="verdict">Best with <code>${limits}</code>: <strong>${name}</strong></p>
<pre tabindex="0"><code>${command ?? ''}</code></pre>`;
}

function picture(record: SweepRecord): Markup {
  return markup`<section aria-labelledby="picture-title">
<h2 id="picture-title">Size and quality</h2>
${legend(record)}
<figure class="panel">
${plotSweep(record, 'wide')}
${plotSweep(record, 'medium')}
${plotSweep(record, 'narrow')}
</figure>
</section>`;
}

/** Signs of the legend, on a ground of 14 × 14. */
const shapes: Readonly<Record<string, string>> = {
  circle: '<circle r="5"/>',
  square: '<rect x="-4.5" y="-4.5" width="9" height="9"/>',
  triangle: '<path d="M0 -6L5.5 4.5H-5.5Z"/>',
  diamond: '<path d="M0 -6.5L5 0L0 6.5L-5 0Z"/>',
  star: '<path d="M0 -6.5L1.5 -2H6.2L2.4 0.8L3.8 5.3L0 2.5L-3.8 5.3L-2.4 0.8L-6.2 -2H-1.5Z"/>',
  wye: '<path d="M-2 6V1L-6 -2L-4 -5L0 -2L4 -5L6 -2L2 1V6Z"/>',
  cross: '<path d="M-2 -6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z"/>',
};

function legend(record: SweepRecord): Markup {
  const signs = signsOf(record);
  const sign = (symbol: string, fill: string) =>
    new Markup(`<svg viewBox="-14 -7 28 14" aria-hidden="true" fill="${fill}">${shapes[symbol] ?? ''}</svg>`);
  const schemes = [...signs.colours].map(
    ([scheme, colour]) => markup`<li>${sign('circle', colour)}${scheme}</li>`,
  );
  const widths = [...signs.symbols].map(([width, symbol]) => {
    const text = width === 'float' ? 'float activations' : `${width}-bit activations`;
    return markup`<li>${sign(String(symbol), 'currentColor')}${text}</li>`;
  });
  return markup`<ul class="legend">
${[...schemes, ...widths]}
<li>dashed: the front of each width of activations, named where there is room${record.choice?.name ? '; a ring: the choice' : ''}; scales by powers, where losses or sizes are far apart</li>
</ul>`;
}

function tableOf(record: SweepRecord): Markup {
  const { results, front } = record;
  const cells = results.map((result) => cellsOf(result, record));
  const headings = [...new Set(cells.flatMap((row) => Object.keys(row)))];
  const columns = [{ head: 'combination' }, ...headings.map((head) => ({ head, isNumber: true }))];
  const rows = results.map(({ name }, i) => [
    front.includes(name) ? markup`<strong>${name}</strong> *` : name,
    ...headings.map((heading) => cells[i]?.[heading] ?? ''),
  ]);
  return table('All combinations', columns, rows, { sorts: true });
}
