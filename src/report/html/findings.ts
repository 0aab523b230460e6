import type { Distribution } from '../../evaluate/distribution.js';
import type { Mistake } from '../../evaluate/mistake.js';
import {
  changeOf,
  channelsOf,
  count,
  exactSession,
  measuredOn,
  noHelp,
  planOf,
  widthsOf,
  worstLayers,
} from '../facts.js';
import { driftRow, formatBytes, formatCost, formatDb, formatFixed, formatPercent } from '../format.js';
import { NO_HELP } from '../origins-terminal.js';
import type { Result } from '../result.js';
import { type Column, type Markup, markup, table } from './markup.js';
import { renderNetwork } from './network.js';
import { type DriftPoint, renderDrift, renderHistogram } from './plots.js';

/** Layers that are marked in the plot. */
const MARKED = 3;

const number = (head: string): Column => ({ head, isNumber: true });

/** How far outputs and layers are from float. */
export function drift(result: Result): Markup | undefined {
  const { outputs, layers } = result;
  if (outputs.length === 0 && layers.length === 0) return undefined;
  return markup`<section id="drift" aria-labelledby="drift-title">
<h2 id="drift-title">Drift from float</h2>
<p class="note">SQNR is the ratio of the signal to the error, in decibels: 20 dB is an error of a tenth of the signal, and 6 dB more halve it. Measured on ${measuredOn(result)}.</p>
${outputTable(result)}
${layerDrift(result)}
</section>`;
}

function outputTable(result: Result): Markup | undefined {
  const { outputs } = result;
  if (outputs.length === 0) return undefined;
  const rows = outputs.flatMap(({ name, deployed, exact }) => [
    [markup`<code>${name}</code>`, 'as deployed', ...driftRow(deployed)],
    [markup`<code>${name}</code>`, exactSession(result), ...driftRow(exact)],
    ...(deployed.groups ?? []).map((group) => [
      markup`<code>${name}</code>`,
      channelsOf(group),
      formatDb(group.sqnrDb),
      ...['–', '–', '–', '–'],
    ]),
  ]);
  const columns = [
    { head: 'output' },
    { head: 'session' },
    ...['SQNR', 'cosine', 'max error', 'same top-1', 'samples'].map(number),
  ];
  return markup`${table('Drift of the outputs', columns, rows)}
${errorTable(result)}
${embeddingTable(result)}`;
}

/** How large the errors are of what is no ranking of classes. */
function errorTable({ outputs }: Result): Markup | undefined {
  const rows = outputs.flatMap(({ name, deployed, errors }) =>
    errors && deployed.topOneAgreement === null
      ? [
          [
            markup`<code>${name}</code>`,
            ...[errors.p50, errors.p90, errors.p99, errors.p999].map((error) => error.toPrecision(3)),
          ],
        ]
      : [],
  );
  const columns = [{ head: 'error within' }, ...['50 %', '90 %', '99 %', '99.9 %'].map(number)];
  return rows.length === 0 ? undefined : table('Quantiles of the errors', columns, rows);
}

/** How rows of numbers keep their directions, and their order of similarity. */
function embeddingTable({ outputs, task }: Result): Markup | undefined {
  const rows = outputs.flatMap(({ name, deployed, embedding }) =>
    embedding && deployed.topOneAgreement === null && name !== task?.output
      ? [
          [
            markup`<code>${name}</code>`,
            formatFixed(embedding.meanCosine, 5),
            formatFixed(embedding.leastCosine, 4),
            embedding.rankCorrelation === null ? '–' : formatFixed(embedding.rankCorrelation, 4),
          ],
        ]
      : [],
  );
  const columns = [
    { head: 'rows as vectors' },
    ...['mean cosine', 'least cosine', 'order of similarities'].map(number),
  ];
  return rows.length === 0 ? undefined : table('Directions of the outputs', columns, rows);
}

function layerDrift(result: Result): Markup | undefined {
  const { layers, origins } = result;
  if (layers.length === 0) return undefined;
  const points = layers.map(({ id, drift: measured }, index): DriftPoint => {
    const origin = origins.find((each) => each.id === id);
    return {
      place: index + 1,
      id,
      accumulated: measured.sqnrDb,
      own: origin?.ownDb ?? null,
      effect: origin?.effectDb ?? null,
    };
  });
  const marked = new Set(worstLayers(result, MARKED).map(({ id }) => id));
  const hasPoint = points.some(({ accumulated, own, effect }) => (accumulated ?? own ?? effect) !== null);
  const plots = hasPoint
    ? markup`${renderDrift(points, marked, 'wide')}
${renderDrift(points, marked, 'medium')}
${renderDrift(points, marked, 'narrow')}`
    : markup`<p>No layer differs from float.</p>`;
  return markup`<div class="panel"><figure>
<figcaption><h3>Layer by layer, along the graph</h3></figcaption>
${legend(origins.length > 0)}
${plots}
</figure></div>
${renderNetwork(result)}
<details>
<summary>All ${count(layers.length, 'layer')} as a table</summary>
${layerTable(result, points)}
</details>
${originTable(result)}`;
}

/** What the signs of the plot mean. */
function legend(hasOrigins: boolean): Markup {
  const accumulated = markup`<li><svg viewBox="0 0 32 16" aria-hidden="true"><path d="M0 8H32" stroke="var(--accent)" stroke-width="2"/><circle cx="16" cy="8" r="4.5" fill="var(--accent)"/></svg>accumulated: everything up to here is quantized</li>`;
  if (!hasOrigins) return markup`<ul class="legend">${accumulated}</ul>`;
  return markup`<ul class="legend">${accumulated}
<li><svg viewBox="0 0 32 16" aria-hidden="true"><circle cx="16" cy="8" r="4.5" fill="none" stroke="var(--text)" stroke-width="2"/></svg>its own error: this layer alone is quantized</li>
<li><svg viewBox="0 0 32 16" aria-hidden="true"><path d="M12 4L20 12M20 4L12 12" stroke="var(--muted)" stroke-width="2"/></svg>its effect on the output: this layer alone is quantized</li></ul>`;
}

function layerTable(result: Result, points: readonly DriftPoint[]): Markup {
  const columns: Column[] = [
    number('#'),
    { head: 'layer' },
    { head: 'operator' },
    number('weights'),
    number('input'),
    number('accumulated'),
  ];
  const rows = points.map(({ place, id, accumulated }) => {
    const { weights, input } = widthsOf(result, id);
    const opType = planOf(result, id)?.opType ?? '–';
    return [String(place), markup`<code>${id}</code>`, opType, weights, input, formatDb(accumulated)];
  });
  return table('Drift of the layers', columns, rows, { sorts: true });
}

/** Where the drift comes from, in a table of its own: both in one are wider than a screen. */
function originTable({ origins, layers }: Result): Markup | undefined {
  if (origins.length === 0) return undefined;
  const columns: Column[] = [
    number('#'),
    { head: 'alone in integers' },
    ...['own', 'effect', 'by weights', 'by input', 'saturated', 'dead levels'].map(number),
  ];
  const rows = origins.map((origin) => {
    const { id, ownDb, effectDb, weightEffectDb, inputEffectDb, saturated, deadLevels, levels } = origin;
    const place = layers.findIndex((layer) => layer.id === id) + 1;
    return [
      place > 0 ? String(place) : '–',
      markup`<code>${id}</code>`,
      ...[ownDb, effectDb, weightEffectDb].map(formatDb),
      saturated === null ? '–' : formatDb(inputEffectDb),
      saturated === null ? '–' : formatPercent(saturated),
      `${deadLevels} of ${levels}`,
    ];
  });
  return markup`<details>
<summary>Where it comes from: ${count(origins.length, 'layer or operator', 'layers and operators')}, each quantized alone</summary>
${table('Origins of the drift', columns, rows, { sorts: true })}
</details>`;
}

/** Weights and inputs of the worst layers, with the levels that they become. */
export function distributions(result: Result): Markup | undefined {
  if (result.distributions.length === 0) return undefined;
  const ids = [...new Set(result.distributions.map(({ id }) => id))];
  const pairs = ids.map((id) => {
    const place = result.layers.findIndex((layer) => layer.id === id) + 1;
    const measured = result.layers[place - 1]?.drift.sqnrDb ?? null;
    const shown = result.distributions.filter((each) => each.id === id);
    return markup`<div class="pair">
<h3>#${place} <code>${id}</code>, ${formatDb(measured)}</h3>
<div class="figures">${shown.map((each) => histogram(result, each))}</div>
</div>`;
  });
  return markup`<section id="distributions" aria-labelledby="distributions-title">
<h2 id="distributions-title">The worst layers</h2>
<p class="note">Bars count the values that are quantized; the lines are the levels that they can become. Values far from the next level, or beyond the last, are what is lost.</p>
${pairs}
</section>`;
}

function histogram(result: Result, distribution: Distribution): Markup {
  const { id, kind, tensor, channel, block, levels } = distribution;
  const { weights, input } = widthsOf(result, id);
  const what =
    kind === 'weight'
      ? `Weight, ${channel === null ? 'all of it' : `${block === null ? '' : `block ${block} of `}output channel ${channel}, which loses most`}`
      : 'Input, on the calibration samples';
  const how = `${kind === 'weight' ? weights : input}, ${count(levels.length, 'level')}`;
  const label = `Histogram of ${kind} ${tensor}: ${how}`;
  return markup`<figure class="panel">
<figcaption>${what}: ${how}</figcaption>
${renderHistogram(label, distribution)}
</figure>`;
}

/** Samples that quantization gets wrong. */
export function mistakes({ mistakes: all, task, classNames }: Result): Markup | undefined {
  if (all.length === 0) return undefined;
  return markup`<section id="mistakes" aria-labelledby="mistakes-title">
<h2 id="mistakes-title">Right in float, wrong after quantization</h2>
<p class="note">The ${count(all.length, 'sample')} with the largest margin${task ? `, of ${count(task.samples, 'sample')}` : ''}: how far the score of the class that won is above that of the right one.</p>
<ul class="samples">${all.map((mistake) => mistakeItem(mistake, classNames ?? []))}</ul>
</section>`;
}

function mistakeItem(
  { sample, source, label, quantized, margin, thumbnail }: Mistake,
  names: readonly string[],
): Markup {
  const name = source ?? `sample ${sample}`;
  const classOf = (at: number) => names[at] || `class ${at}`;
  const picture =
    thumbnail === null
      ? undefined
      : markup`<img src="${thumbnail}" alt="The picture of ${name}, of ${classOf(label)}" width="64" height="64">`;
  return markup`<li>${picture}<strong>${classOf(label)}, now ${names[quantized] || String(quantized)}</strong><br>margin ${margin.toPrecision(3)}<br><span class="unit">${name}</span></li>`;
}

/** What mends the worst layers. */
export function suggestions(result: Result): Markup | undefined {
  const { suggestions: all } = result;
  if (all.length === 0) return undefined;
  const rows = all.map(({ id, flag, costBytes, tried }) => [
    markup`<code>${id}</code>`,
    markup`<code>${flag}</code>`,
    formatCost(costBytes),
    tried ? changeOf(tried) : 'not tried',
  ]);
  const columns = [
    { head: 'layer' },
    { head: 'what mends it' },
    number('cost'),
    number('SQNR of the output'),
  ];
  return markup`<section id="suggestions" aria-labelledby="suggestions-title">
<h2 id="suggestions-title">Suggestions</h2>
${noHelp(result) && markup`<p class="note">${NO_HELP}.</p>`}
${table('Suggestions', columns, rows)}
</section>`;
}

/** How bits and schemes were chosen, layer by layer, and what came of it on samples that the search did not see. */
export function search({ search: found, evaluation }: Result): Markup | undefined {
  if (!found) return undefined;
  const { attempts, layers, isApart, flags } = found;
  const rows = layers.map(({ id, bits, scheme, bytes, effectDb }) => [
    markup`<code>${id}</code>`,
    String(bits),
    scheme,
    formatBytes(bytes),
    effectDb === null ? '–' : formatDb(effectDb),
  ]);
  const columns = [
    { head: 'layer' },
    number('bits'),
    { head: 'scheme' },
    number('bytes'),
    number('output, this layer alone'),
  ];
  const apart = isApart ? ', which the search did not see' : '';
  // Line ends are ours: what is escaped is each flag.
  const command = flags.map(
    (flag, i) => markup`${i > 0 ? '  ' : ''}${flag}${i < flags.length - 1 ? ' \\' : ''}`,
  );
  return markup`<section id="search" aria-labelledby="search-title">
<h2 id="search-title">Chosen by measuring</h2>
<p class="note">${count(attempts.length, 'model')} tried on ${count(found.search.samples, 'sample')} of ${found.search.label}; what stands above was measured on ${count(evaluation.samples, 'sample')} of ${evaluation.label}${apart}.</p>
<details><summary>${count(layers.length, 'layer')}, and what was chosen for each</summary>
${table('What was chosen', columns, rows)}
</details>
<p class="note">The same without the search:</p>
<pre tabindex="0"><code>${command}</code></pre>
</section>`;
}
