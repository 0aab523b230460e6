import type { Recipe } from '../../recipe.js';
import { calibratedOn, count, coverageOf, keptWide, layersMade, refinedBy } from '../facts.js';
import { formatBytes } from '../format.js';
import type { FileRecord, Result } from '../result.js';
import { type Column, type Markup, markup, table } from './markup.js';
import { plain, sentence } from './summary.js';

const number = (head: string): Column => ({ head, isNumber: true });

/** What a user should know before trusting the numbers. */
export function warnings({ warnings: all }: Result): Markup | undefined {
  if (all.length === 0) return undefined;
  return markup`<section id="warnings" aria-labelledby="warnings-title">
<h2 id="warnings-title">Warnings</h2>
<ul class="list">${all.map((text) => markup`<li>${withWholeFlags(text)}</li>`)}</ul>
</section>`;
}

/** Text whose flags are not broken at their hyphens. */
const withWholeFlags = (text: string): Markup =>
  text
    .split(/((?<=^|[ (])--[a-z][a-z-]*)/)
    .reduce(
      (before, part, i) =>
        i % 2 === 1 ? markup`${before}<span class="whole">${part}</span>` : markup`${before}${part}`,
      markup``,
    );

/** What is quantized how, and what stays float and why. */
export function plan(result: Result): Markup | undefined {
  const { made, layers, kept } = coverageOf(result);
  if (layers === 0) return undefined;
  const rest = kept === 0 ? 'nothing stays float' : `${count(kept, 'operator')} in float`;
  const wide = keptWide(result);
  return markup`<section id="plan" aria-labelledby="plan-title">
<h2 id="plan-title">The plan</h2>
<p class="note">${layersMade(result)}, ${rest}.${wide === undefined ? '' : ` ${sentence(wide)}.`}</p>
${floatTable(result)}
<details>
<summary>${count(made, 'quantized layer')}</summary>
${layerTable(result)}
</details>
${activationTable(result)}
</section>`;
}

function layerTable({ plan: { layers } }: Result): Markup {
  const rows = layers.flatMap(({ id, opType, dims, position, quantized }) =>
    quantized
      ? [
          [
            markup`<code>${id}</code>`,
            opType,
            dims.join('×'),
            position ?? '–',
            `${quantized.scheme}, ${quantized.bits} bits a ${quantized.granularity}`,
            quantized.inputBits === null ? 'float' : `${quantized.inputBits} bits`,
            quantized.runs === 'integer' ? 'in integers' : 'in float',
            noteOf(quantized),
          ],
        ]
      : [],
  );
  const columns = ['layer', 'operator', 'shape', 'place', 'weights', 'input', 'runs', 'note'];
  // Few plans have anything to note.
  const shown = rows.some((cells) => cells.at(-1) !== '') ? columns.length : columns.length - 1;
  return table(
    'Quantized layers',
    columns.slice(0, shown).map((head) => ({ head })),
    rows.map((cells) => cells.slice(0, shown)),
    { sorts: true },
  );
}

type Quantized = NonNullable<Result['plan']['layers'][number]['quantized']>;

function noteOf({ note, askedBits, raisedChannels }: Quantized): string {
  const asked = askedBits === null ? [] : [`${askedBits} bits would save no byte`];
  const raised = raisedChannels ? [`${count(raisedChannels, 'channel')} coarser for its bias`] : [];
  return [...(note === null ? [] : [note]), ...asked, ...raised].join('; ');
}

function floatTable({ plan: { layers, float } }: Result): Markup | undefined {
  const kept = [...layers.filter(({ quantized }) => !quantized), ...float];
  if (kept.length === 0) return undefined;
  const rows = kept.map(({ id, opType, reason }) => [markup`<code>${id}</code>`, opType, reason ?? '–']);
  const columns = [{ head: 'stays float' }, { head: 'operator' }, { head: 'because' }];
  // A short list is what a reader wants to see; a long one is looked up.
  const made = table('What stays float', columns, rows);
  return kept.length <= 8
    ? made
    : markup`<details><summary>${count(kept.length, 'operator')} in float, and why</summary>
${made}
</details>`;
}

function activationTable({ activations }: Result): Markup | undefined {
  if (activations.length === 0) return undefined;
  const rows = activations.map(({ name, bits, scheme, levels, observer, range, scale, zeroPoint }) => [
    markup`<code>${name}</code>`,
    String(bits),
    scheme,
    String(levels),
    observer,
    range ? `${plain(range.min)} to ${plain(range.max)}` : 'no element',
    plain(scale),
    String(zeroPoint),
  ]);
  const columns = [
    { head: 'activation' },
    number('bits'),
    { head: 'levels of' },
    number('levels'),
    { head: 'observer' },
    number('range on the samples'),
    number('scale'),
    number('zero point'),
  ];
  return markup`<details>
<summary>${count(activations.length, 'quantized activation')}</summary>
${table('Quantized activations', columns, rows, { sorts: true })}
</details>`;
}

/** The recipe, and the command that makes the result again. */
export function recipe(result: Result): Markup {
  const { reproduce, evaluation } = result;
  const calibrated = calibratedOn(result);
  const command =
    reproduce === null
      ? undefined
      : markup`<p class="note">This command makes the result again, where the files stand in one folder:</p>
<pre tabindex="0"><code>${linesOf(reproduce)}</code></pre>`;
  const samples = `${evaluation.label}, ${count(evaluation.samples, 'sample')}, ${evaluation.preprocess}`;
  const facts: [string, string][] = [
    ...recipeFacts(result),
    ...(calibrated
      ? [
          [
            'calibration',
            sentence(`${calibrated}${result.calibration ? `, ${result.calibration.preprocess}` : ''}`),
          ] as [string, string],
        ]
      : []),
    ...refinedBy(result).map((line): [string, string] => ['refinement', sentence(line)]),
    ['measured on', samples],
    ...foldFacts(result),
    [
      'float model',
      `${fileText(result.float)}, IR version ${result.float.irVersion}, opset ${result.float.opset}`,
    ],
    ['quantized model', fileText(result.quantized)],
  ];
  return markup`<section id="recipe" aria-labelledby="recipe-title">
<h2 id="recipe-title">Recipe, and how to reproduce it</h2>
${command}
<dl>${facts.map(([term, text]) => markup`<dt>${term}</dt><dd>${withWholeFlags(text)}</dd>`)}</dl>
</section>`;
}

/** A command with each flag on a line of its own, which a shell takes as one. */
function linesOf(command: string): Markup[] {
  // Words, with what is in quotes in them.
  const words = command.match(/(?:[^\s'\\]|'[^']*'|\\.)+/g) ?? [];
  const lines: string[] = [];
  for (const word of words) {
    if (lines.length === 0 || word.startsWith('-')) lines.push(word);
    else lines[lines.length - 1] += ` ${word}`;
  }
  const last = lines.length - 1;
  return lines.map((line, i) => markup`${i === 0 ? '' : '  '}${line}${i === last ? '' : ' \\'}`);
}

function foldFacts({ fold }: Result): [string, string][] {
  if (fold.length === 0) return [];
  const changesOf = new Map<string, number>();
  for (const { summary, changes } of fold) changesOf.set(summary, (changesOf.get(summary) ?? 0) + changes);
  return [['folded', [...changesOf].map(([summary, changes]) => `${summary} (${changes})`).join('; ')]];
}

function recipeFacts({ recipe: made }: Result): [string, string][] {
  if (!made) return [];
  const { scheme, bits, granularity, activations, rules, exclude, include } = made;
  const settings = ({ pattern, ...others }: (typeof rules)[number]) =>
    `${pattern}: ${Object.entries(others)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}`;
  return [
    ['weights', `${scheme}, ${bits} bits a ${granularity}, ${made.format}`],
    ['activations', activationFacts(activations)],
    ...rules.map((rule): [string, string] => ['rule', settings(rule)]),
    ...(exclude.length > 0 ? [['kept in float', exclude.join(', ')] as [string, string]] : []),
    ...(include.length > 0 ? [['quantized alone', include.join(', ')] as [string, string]] : []),
    ...(made.allLayers ? [['first and last', 'in few bits, too'] as [string, string]] : []),
    ...(made.assumeVnni ? [['sums on x86 without VNNI', 'may saturate'] as [string, string]] : []),
    ...(made.reduceRange ? [['range of weights', 'reduced to ±63'] as [string, string]] : []),
  ];
}

function activationFacts(activations: Recipe['activations']): string {
  if (activations.kind === 'dynamic') return '8 bits, ranges found at every run';
  if (activations.kind === 'float') return 'float';
  const { levels, bits, observer } = activations;
  return `${levels}, ${bits} bits, ranges by ${observer}`;
}

const fileText = ({ name, sizeBytes, sha256 }: FileRecord): string =>
  `${name}, ${formatBytes(sizeBytes)}, SHA-256 ${sha256}`;

/** What made the report, and where. */
export function provenance({ tool, runtime, machine, quantized }: Result): Markup {
  const { cpu, cores, platform, arch, features } = machine;
  const where = `${cpu}, ${count(cores, 'core')}, ${platform} ${arch}${features.length > 0 ? ` (${features.join(', ')})` : ''}`;
  const oldest = quantized.oldestRuntime
    ? ` The quantized model runs on onnxruntime ${quantized.oldestRuntime} and later.`
    : '';
  return markup`<footer>
<p>${tool.name} ${tool.version}, ${runtime.name} ${runtime.version} on ${runtime.provider}. ${where}.${oldest}</p>
</footer>`;
}
