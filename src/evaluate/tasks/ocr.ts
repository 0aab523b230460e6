import { numbersOf } from '../../numerics/nd-array.js';
import type { MetricArray } from '../user-metric.js';
import { againstFloat, argmaxAt, bothOf, outputFor, percent, quantizedOf, type Task } from './task.js';

/** Texts as CTC reads them (Graves et al. 2006), against those of the float model. */
export const ocr = {
  name: 'ocr',
  summary: 'texts read by CTC along the axis of classes, against those of float: same_texts, character_error',
  make() {
    let name: string | undefined;
    const all = { texts: 0, same: 0, characters: 0, edits: 0 };
    return {
      add({ outputs, samples }) {
        name ??= outputFor(
          outputs.float,
          isSequence,
          'scores of characters by place, [N, places, classes] or [places, N, classes]',
        );
        const [a, b] = bothOf(outputs, name);
        const [paths, others] = [pathsOf(a, samples), pathsOf(b, samples)];
        const blank = blankOf(paths, a.dims.at(-1) as number);
        paths.forEach((path, row) => {
          const [text, other] = [read(path, blank), read(others[row] as number[], blank)];
          const edits = distance(text, other);
          all.texts++;
          all.same += Number(edits === 0);
          all.characters += text.length;
          all.edits += edits;
        });
        return undefined;
      },
      result() {
        const { texts, same, characters, edits } = all;
        return {
          same_texts: againstFloat(same / texts),
          character_error: { float: 0, quantized: edits / characters },
        };
      },
    };
  },
  meaning(numbers) {
    const [same, edits] = quantizedOf(numbers, 'same_texts', 'character_error') ?? [];
    if (same === undefined || edits === undefined) return undefined;
    return `${percent(same)} of the texts are read as by float; ${percent(edits)} of the characters are not.`;
  },
} as const satisfies Task;

const isSequence = ({ dims, type }: MetricArray): boolean =>
  dims.length === 3 && /float/.test(type) && (dims[2] ?? 0) > 1;

/** The class of each place, for each sample; the batch is the first axis, or the second. */
function pathsOf({ dims, type, data }: MetricArray, samples: number): number[][] {
  const [first = 0, second = 0, classes = 0] = dims;
  const isFirst = first === samples;
  const places = isFirst ? second : first;
  const values = numbersOf({ type, data });
  return Array.from({ length: samples }, (_, row) =>
    Array.from({ length: places }, (_place, place) =>
      argmaxAt(values, (isFirst ? row * places + place : place * samples + row) * classes, classes),
    ),
  );
}

/** The class that stands for no character: the first or the last, whichever is seen more often. */
function blankOf(paths: readonly (readonly number[])[], classes: number): number {
  const count = (label: number) => paths.flat().filter((each) => each === label).length;
  return count(classes - 1) > count(0) ? classes - 1 : 0;
}

const read = (path: readonly number[], blank: number): number[] =>
  path.filter((label, i) => label !== blank && label !== path[i - 1]);

/** Insertions, deletions and replacements that make one of the other (Levenshtein 1966). */
function distance(a: readonly number[], b: readonly number[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  a.forEach((own, i) => {
    const next = [i + 1];
    b.forEach((other, j) => {
      const replaced = (row[j] as number) + Number(own !== other);
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    });
    row = next;
  });
  return row.at(-1) as number;
}
