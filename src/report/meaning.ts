import { worstDb } from '../evaluate/drift.js';
import { worstOutput } from '../evaluate/worst-output.js';
import { count, measuredOn, qualityOf } from './facts.js';
import { formatPercent, formatShort } from './format.js';
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
 * one is known.
 */
export function meaningOf(measured: Result): string[] {
  const result = onWorstSet(measured);
  return [...outputMeaning(result), ...metricMeaning(result)];
}

/** The first number of a metric, which is what the metric is named for. */
function metricMeaning({ metrics: [first] }: Result): string[] {
  if (!first || first.quantized === null) return [];
  const float = first.float === null ? '' : `, in float ${formatShort(first.float, 4)}`;
  return [`${first.name} is ${formatShort(first.quantized, 4)}${float}.`];
}

function outputMeaning(result: Result): string[] {
  const { task, outputs } = result;
  const name = setNameOf(result);
  if (task) return taskMeaning(task, name === undefined ? '' : ` on ${name}`);
  const output = worstOutput(outputs);
  if (!output) return ['Nothing was measured: what the quantization costs is not known.'];
  const on = measuredOn(result);
  const { topOneAgreement } = output.deployed;
  if (topOneAgreement !== null && outputs.length === 1) {
    const differ = 1 - topOneAgreement;
    const same = `Both models name the same class on ${formatPercent(topOneAgreement)} of ${on}.`;
    // Where both name the same class both are right or both are wrong.
    const bound =
      differ === 0
        ? 'Whatever the right classes are, the accuracy on them is that of float.'
        : `Whatever the right classes are, the accuracy on them differs by ${formatPercent(differ)} at most.`;
    return [same, bound];
  }
  return driftMeaning(result, worstDb(output.deployed), on);
}

function taskMeaning(
  { samples, float, quantized, topOneDrop }: NonNullable<Result['task']>,
  on: string,
): string[] {
  const more = Math.round((float - quantized) * samples);
  const what = Math.abs(more) === 1 ? 'answer is' : 'answers are';
  const of = `Of ${count(samples, 'answer')}${on}, ${Math.round(quantized * samples).toLocaleString('en-US')} are right; in float ${Math.round(float * samples).toLocaleString('en-US')} are.`;
  if (more === 0) return [of, 'As many are right as in float.'];
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

function driftMeaning(result: Result, db: number | null, on: string): string[] {
  if (db === null && qualityOf(result).includes('identical'))
    return [`The outputs are those of float, on ${on}.`];
  if (db === null) return [];
  const share = 100 * 10 ** (-db / 20);
  const grade = grades.find(([least]) => db >= least)?.[1] ?? '';
  const part =
    share >= 100 ? 'as large as the output itself' : `${share.toPrecision(2)} % of the output's size`;
  return [`The error of the worst output is ${part}, on ${on}: ${grade}.`];
}
