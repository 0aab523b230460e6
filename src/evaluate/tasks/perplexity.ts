import { numbersOf } from '../../numerics/nd-array.js';
import type { MetricArray } from '../user-metric.js';
import {
  againstFloat,
  argmaxAt,
  bothOf,
  outputFor,
  percent,
  quantizedOf,
  type Task,
  type TaskBatch,
  UnfitTask,
} from './task.js';

/** How well a language model tells the next token of what it was given, or the token that labels name. */
export const perplexity = {
  name: 'perplexity',
  summary: 'of language models, by the tokens that follow in the input or by labels: perplexity, same_next',
  make() {
    let name: string | undefined;
    const loss = { float: 0, quantized: 0 };
    let [tokens, same] = [0, 0];
    return {
      add(batch) {
        const { outputs, samples } = batch;
        name ??= outputFor(
          outputs.float,
          isLogits,
          'scores of tokens, [N, places, tokens] or [N, tokens] with labels',
        );
        const [a, b] = bothOf(outputs, name);
        const vocabulary = a.dims.at(-1) as number;
        const places = a.dims.length === 3 ? (a.dims[1] as number) : 1;
        const [float, quantized] = [numbersOf(a), numbersOf(b)];
        const nextOf = targets(batch, places);
        for (let row = 0; row < samples; row++)
          for (let place = 0; place < places; place++) {
            const next = nextOf(row, place);
            if (next === undefined || next < 0 || next >= vocabulary) continue;
            const start = (row * places + place) * vocabulary;
            loss.float += lossAt(float, start, vocabulary, next);
            loss.quantized += lossAt(quantized, start, vocabulary, next);
            same += Number(argmaxAt(float, start, vocabulary) === argmaxAt(quantized, start, vocabulary));
            tokens++;
          }
        return undefined;
      },
      result: () => ({
        perplexity: { float: Math.exp(loss.float / tokens), quantized: Math.exp(loss.quantized / tokens) },
        same_next: againstFloat(same / tokens),
      }),
    };
  },
  meaning(numbers) {
    const own = numbers.perplexity;
    const [same] = quantizedOf(numbers, 'same_next') ?? [];
    if (!own || own.float === null || own.quantized === null || same === undefined) return undefined;
    return `The next token is told with a perplexity of ${own.quantized.toPrecision(4)}, in float ${own.float.toPrecision(4)} (less is better); both models name the same one in ${percent(same)} of the places.`;
  },
} as const satisfies Task;

const isLogits = ({ dims, type }: MetricArray): boolean =>
  /float/.test(type) && (dims.length === 3 || dims.length === 2) && (dims.at(-1) ?? 0) > 1;

/** The token that follows each place; undefined where none does, or a mask hides it. */
function targets(
  { inputs, labels, samples }: TaskBatch,
  places: number,
): (row: number, place: number) => number | undefined {
  const wide = Object.entries(inputs).filter(
    ([, { dims, type }]) => /int/.test(type) && dims.at(-1) === places && places > 1,
  );
  const [, ids] = wide.find(([name]) => !/mask|type|position/i.test(name)) ?? [];
  const [, mask] = wide.find(([name]) => /mask/i.test(name)) ?? [];
  if (ids) {
    const [tokens, shown] = [numbersOf(ids), mask && numbersOf(mask)];
    return (row, place) => {
      const at = row * places + place + 1;
      return place + 1 < places && (shown?.[at] ?? 1) !== 0 ? tokens[at] : undefined;
    };
  }
  if (labels && places === 1) return (row) => labels[row];
  throw new UnfitTask(
    `it needs tokens as an input, [N, ${places}] integers, or --labels with the token that follows each of ${samples} samples`,
  );
}

/** −log of the share that a softmax gives to a token. */
function lossAt(scores: ArrayLike<number>, start: number, length: number, token: number): number {
  const most = scores[start + argmaxAt(scores, start, length)] as number;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += Math.exp((scores[start + i] as number) - most);
  return Math.log(sum) + most - (scores[start + token] as number);
}
