import { type Drift, worstDb } from '../evaluate/drift.js';
import { tasks } from '../evaluate/tasks/tasks.js';
import { worstOutput } from '../evaluate/worst-output.js';
import { count, measuredOn } from './facts.js';
import { formatFixed, formatPercent, formatShort } from './format.js';
import type { Result } from './result.js';
import { onWorstSet, setNameOf } from './sets.js';

/** What an SQNR of at least so many dB means for who uses the output; the first that holds. */
const grades: readonly (readonly [number, string])[] = [
  [40, 'hardly to be told from float'],
  [30, 'small: most uses do not notice it'],
  [20, 'moderate: look at what the output is used for'],
  [10, 'large: measure with labels or a metric of the task before it is used'],
  [Number.NEGATIVE_INFINITY, 'so large that the output is another one than in float'],
];

/**
 * What was measured in sentences, for a reader who knows none of the measures: what is lost, how sure that is, and a bound where
 * one is known. What the task says comes first, and where it says something the size of the error is not judged by itself.
 */
export function meaningOf(measured: Result): string[] {
  const result = onWorstSet(measured);
  const { outputs, task } = result;
  if (outputs.length === 0 && !task)
    return ['Nothing was measured: what the quantization costs is not known.'];
  const name = setNameOf(result);
  const graded = task ? taskMeaning(task, name === undefined ? '' : ` on ${name}`) : [];
  return [...graded, ...metricMeaning(result), ...outputMeaning(result)];
}

/** What the task of `--metric` says of its numbers; of a module's the first, which is what it is named for. */
function metricMeaning({ metric: given, metrics }: Result): string[] {
  const said = tasks
    .find(({ name }) => name === given)
    ?.meaning(Object.fromEntries(metrics.map(({ name, float, quantized }) => [name, { float, quantized }])));
  if (said !== undefined) return [said];
  const [first] = metrics;
  if (!first || first.quantized === null) return [];
  const float = first.float === null ? '' : `, in float ${formatShort(first.float, 4)}`;
  return [`${first.name} is ${formatShort(first.quantized, 4)}${float}.`];
}

/** What the outputs say by themselves; of one that labels judge nothing. */
function outputMeaning(result: Result): string[] {
  const { outputs, task } = result;
  const output = worstOutput(outputs);
  if (!output || output.name === task?.output) return [];
  const on = measuredOn(result);
  const { topOneAgreement } = output.deployed;
  if (topOneAgreement === null || outputs.length > 1) return driftMeaning(result, output.deployed, on);
  const same = `Both models name the same class on ${formatPercent(topOneAgreement)} of ${on}.`;
  if (result.evaluation.kind === 'synthetic')
    return [same, 'Random input says little of real samples: give some to know.'];
  // Where both name the same class both are right or both are wrong.
  const bound =
    topOneAgreement === 1
      ? 'Whatever the right classes are, the accuracy on them is that of float.'
      : `Whatever the right classes are, the accuracy on them differs by ${formatFixed(100 * (1 - topOneAgreement), 2)} points at most.`;
  return [same, bound];
}

function taskMeaning(
  { samples, float, quantized, topOneDrop }: NonNullable<Result['task']>,
  on: string,
): string[] {
  const more = Math.round((float - quantized) * samples);
  const what = Math.abs(more) === 1 ? 'answer is' : 'answers are';
  const of = `Of ${count(samples, 'answer')}${on}, ${Math.round(quantized * samples).toLocaleString('en-US')} are right; in float ${Math.round(float * samples).toLocaleString('en-US')} are.`;
  const { lost, gained } = topOneDrop;
  if (more === 0 && lost > 0)
    return [
      of,
      `As many are right as in float: ${lost.toLocaleString('en-US')} lost, ${gained.toLocaleString('en-US')} gained.`,
    ];
  if (more === 0) return [of, 'The same are right as in float.'];
  const change = `${Math.abs(more).toLocaleString('en-US')} ${what} ${more > 0 ? 'lost' : 'gained'}.`;
  if (!topOneDrop.isSignificant)
    return [of, `${change} So few differ that chance alone could do it: no loss is shown.`];
  const inThousand = [topOneDrop.low, topOneDrop.high]
    .map((share) => Math.round(1000 * Math.abs(share)))
    .sort((a, b) => a - b);
  const [low, high] = inThousand;
  const range = low === high ? `${low}` : `${low} to ${high}`;
  return [
    of,
    `${change} On other samples like these expect ${range} of 1,000 to be ${more > 0 ? 'lost' : 'gained'} (95 % confidence).`,
  ];
}

function driftMeaning({ metrics, task, evaluation }: Result, drift: Drift, on: string): string[] {
  const db = worstDb(drift);
  if (db === null)
    return drift.nonFiniteMismatches > 0 || drift.shapeMismatches > 0
      ? ['An output could not be compared: it is of another shape or not finite in one of the two models.']
      : [`The outputs are those of float, on ${on}.`];
  const share = 100 * 10 ** (-db / 20);
  const size =
    share >= 100 ? 'as large as the output itself' : `${share.toPrecision(2)} % of the output's size`;
  const error = `The error of the worst output is ${size}, on ${on}`;
  // What the task says is what the error does.
  if (metrics.length > 0 || task) return [`${error}.`];
  const grade = grades.find(([least]) => db >= least)?.[1] ?? '';
  const random =
    evaluation.kind === 'synthetic' ? ['Random input says little of real samples: give some to know.'] : [];
  return [`${error}: ${grade}.`, ...random];
}
