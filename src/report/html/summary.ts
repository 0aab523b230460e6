import { worstOutput } from '../../evaluate/worst-output.js';
import { comparisonLines } from '../comparison-lines.js';
import {
  channelsOf,
  count,
  describeChange,
  dropOf,
  foldingNote,
  gateSummary,
  intervalOf,
  measuredOf,
  measuredOn,
  outcomeOf,
  qualityOf,
  sizeRatio,
  slowerWord,
  speedWarning,
  tuningNote,
  worstGroup,
} from '../facts.js';
import {
  formatBytes,
  formatCosine,
  formatDate,
  formatMs,
  formatPercent,
  formatShort,
  formatWorst,
} from '../format.js';
import { halfNote } from '../half-note.js';
import { meaningOf } from '../meaning.js';
import type { Result } from '../result.js';
import { onWorstSet, setNameOf, setTable } from '../sets.js';
import { type Markup, markup, table } from './markup.js';
import { renderBars } from './plots.js';

/** Signs that tell an outcome without its colour. */
export const signs = { passed: '✓', warned: '!', warning: '!', failed: '✗' } as const;

/** The two models, and the verdict. */
export function header(result: Result): Markup {
  const { float, quantized, command } = result;
  const summary = gateSummary(result);
  const outcome =
    summary &&
    markup`<span class="outcome ${summary.verdict}">${signs[summary.verdict]} ${sentence(summary.text)}.</span> `;
  const slower = slowerWord(result).map((word) => `; ${word}`);
  const facts = `${sentence(qualityOf(result))}; ${sizeRatio(result).toFixed(2)} times the size${slower.join('')}.`;
  const kind = command === 'compare' ? 'Comparison of two models' : 'Quantization report';
  return markup`<header>
<p class="eyebrow">${kind}</p>
<h1><span class="from">${float.name} →</span> ${quantized.name}</h1>
<p class="verdict">${outcome}${facts}</p>
<p class="meaning">${meaningOf(result).join(' ')}</p>
${comparisonLines(result)?.map((line) => markup`<p class="note">${sentence(line)}</p>`)}
</header>`;
}

export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What came of each gate. */
export function gates({ gates: all }: Result): Markup | undefined {
  if (all.length === 0) return undefined;
  const rows = all.map((gate) => {
    const outcome = outcomeOf(gate);
    return [
      markup`<code>${gate.gate}</code>`,
      markup`<span class="outcome ${outcome}">${signs[outcome]} ${outcome}</span>`,
      gate.limit,
      measuredOf(gate),
      gate.margin ?? '–',
    ];
  });
  const columns = [
    { head: 'gate' },
    { head: 'outcome' },
    { head: 'limit', isNumber: true },
    { head: 'measured', isNumber: true },
    { head: 'room left', isNumber: true },
  ];
  return markup`<section id="gates" aria-labelledby="gates-title">
<h2 id="gates-title">Gates</h2>
${table('Gates', columns, rows)}
</section>`;
}

/** Accuracy, drift, size and speed, each as one figure. */
export function figures(measured: Result): Markup {
  const result = onWorstSet(measured);
  return markup`<section class="cards" aria-label="Figures">
${[accuracyCard(result), driftCard(result), sizeCard(result), timing(result)].filter((card) => card !== undefined)}
</section>`;
}

function accuracyCard(result: Result): Markup | undefined {
  const { task, outputs } = result;
  if (task) {
    return markup`<div>
<h2>Top-1 accuracy</h2>
<p class="figure">${formatPercent(task.quantized)}</p>
<p>${dropOf(task)} points from ${formatPercent(task.float)}, on ${count(task.samples, 'sample')}${ofSet(result)}</p>
<p>${intervalOf(task)}</p>
${task.topFive ? markup`<p>top-5 ${formatPercent(task.topFive.quantized)}, ${dropOf(task.topFive)} points</p>` : undefined}
</div>`;
  }
  const [metric] = result.metrics;
  if (metric && metric.quantized !== null) {
    const float = metric.float === null ? '' : `${formatShort(metric.float, 4)} in float, `;
    return markup`<div>
<h2>${metric.name}</h2>
<p class="figure">${formatShort(metric.quantized, 4)}</p>
<p>${float}on ${measuredOn(result)}</p>
</div>`;
  }
  const agreement = worstOutput(outputs)?.deployed.topOneAgreement ?? null;
  if (agreement === null) return undefined;
  return markup`<div>
<h2>Same top-1 as float</h2>
<p class="figure">${formatPercent(agreement)}</p>
<p>on ${measuredOn(result)}</p>
</div>`;
}

/** The set that a figure is of, where there are several. */
function ofSet(result: Result): string {
  const name = setNameOf(result);
  return name === undefined ? '' : ` of ${name}`;
}

function driftCard(result: Result): Markup | undefined {
  const { outputs } = result;
  const output = worstOutput(outputs);
  if (!output) return undefined;
  const { cosine } = output.deployed;
  const group = worstGroup(output.deployed);
  const part = group ? ` at ${channelsOf(group)}` : '';
  const which = outputs.length > 1 ? ` of ${output.name}, the worst of ${outputs.length} outputs` : '';
  const said = formatWorst(output.deployed);
  return markup`<div>
<h2>Signal to noise</h2>
<p class="figure">${said.replace(/ dB$/, '')}${said.endsWith(' dB') ? markup` <span class="unit">dB</span>` : undefined}</p>
<p>SQNR${part}${which}; cosine ${formatCosine(cosine)}${setNameOf(result) === undefined ? '' : `; on ${setNameOf(result)}`}</p>
</div>`;
}

function sizeCard(result: Result): Markup {
  const { float, quantized } = result;
  const sizes = { float: float.sizeBytes, quantized: quantized.sizeBytes };
  const halves = halfNote(result);
  const label = `File size: float ${formatBytes(sizes.float)}, quantized ${formatBytes(sizes.quantized)}`;
  return markup`<div>
<h2>File size</h2>
<p class="figure">${sizeRatio(result).toFixed(3)}<span class="unit">×</span></p>
${renderBars(label, 'bytes', sizes)}
${halves === undefined ? undefined : markup`<p>${sentence(halves)}.</p>`}
</div>`;
}

/** All that differs from run to run. */
function timing({ timing: { speed, tuning, elapsedMs, at } }: Result): Markup {
  const all = markup`${(elapsedMs / 1000).toFixed(1)} s for all of this, on <span class="whole">${formatDate(at)}</span>`;
  if (!speed) return markup`<div id="timing"><h2>Speed</h2><p>nothing was timed; ${all}</p></div>`;
  const { floatMs, quantizedMs, ratio, threads } = speed;
  const label = `Time of one run: float ${formatMs(floatMs)}, quantized ${formatMs(quantizedMs)}`;
  const slower = speedWarning(speed);
  const folded = foldingNote(speed);
  return markup`<div id="timing">
<h2>Speed</h2>
<p class="figure">${ratio.toFixed(2)}<span class="unit">× as fast</span></p>
${renderBars(label, 'ms', { float: floatMs, quantized: quantizedMs })}
${folded === undefined ? undefined : markup`<p>${sentence(folded)}.</p>`}
<p>one run on ${count(threads, 'thread')}; ${all}</p>
${tuning === undefined ? undefined : markup`<p>${sentence(tuningNote(tuning))}.</p>`}
${slower === undefined ? undefined : markup`<p class="warning">${slower}</p>`}
</div>`;
}

/** Several sets of samples side by side. */
export function sets(result: Result): Markup | undefined {
  const found = setTable(result);
  if (!found) return undefined;
  const rows = found.rows.map(({ name, isWorst, cells }) => [
    markup`<code>${name}</code>${isWorst ? ' (worst)' : ''}`,
    ...cells,
  ]);
  const columns = found.heads.map((head) => ({ head, isNumber: true }));
  return markup`<section id="sets" aria-labelledby="sets-title">
<h2 id="sets-title">Sets of samples</h2>
<p class="note">Each is measured by itself, and gates hold on the worst. What follows is measured on ${setNameOf(result)}.</p>
${table('Sets of samples', [{ head: 'set' }, ...columns], rows)}
</section>`;
}

/** A number in as many digits as a person compares. */
export const plain = (value: number | null): string => (value === null ? '–' : formatShort(value, 6));

/** The change since a result that was saved. */
export function baseline({ baseline: before }: Result): Markup | undefined {
  if (!before) return undefined;
  const rows = before.changes.map((change) => {
    const described = describeChange(change);
    return [markup`<code>${change.metric}</code>`, described.before, described.after, described.shown];
  });
  const columns = [
    { head: 'metric' },
    { head: 'before', isNumber: true },
    { head: 'now', isNumber: true },
    { head: 'change', isNumber: true },
  ];
  return markup`<section id="baseline" aria-labelledby="baseline-title">
<h2 id="baseline-title">Change since ${before.name}</h2>
${table('Change since the baseline', columns, rows)}
</section>`;
}

/** What the user's own metrics gave. */
export function metrics({ metrics: all }: Result): Markup | undefined {
  if (all.length === 0) return undefined;
  const rows = all.map(({ name, float, quantized }) => [
    markup`<code>${name}</code>`,
    plain(float),
    plain(quantized),
  ]);
  const columns = [
    { head: 'metric' },
    { head: 'float', isNumber: true },
    { head: 'quantized', isNumber: true },
  ];
  return markup`<section id="metrics" aria-labelledby="metrics-title">
<h2 id="metrics-title">Metrics</h2>
${table('Metrics', columns, rows)}
</section>`;
}
