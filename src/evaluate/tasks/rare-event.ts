import { numbersOf } from '../../numerics/nd-array.js';
import type { MetricArray } from '../user-metric.js';
import { bothOf, outputFor, percent, type Task } from './task.js';

/** Probability from which on an event is told; for logits the same, which is 0. */
const THRESHOLD = 0.5;

/** Events told by a threshold: found, missed, and told where there is none; by labels, or by the float model. */
export const rareEvent = {
  name: 'rare-event',
  summary:
    'events above a probability of 0.5, by labels 0 and 1 or by float: hit_rate, false_alarm_rate, misses, events',
  make() {
    let name: string | undefined;
    const make = () => ({ hits: 0, misses: 0, alarms: 0, quiet: 0 });
    const all = { float: make(), quantized: make() };
    return {
      add({ outputs, samples, labels }) {
        name ??= outputFor(outputs.float, isScore, 'a score for each sample, [N], [N, 1] or [N, 2]');
        const [a, b] = bothOf(outputs, name);
        const told = { float: eventsOf(a, samples), quantized: eventsOf(b, samples) };
        for (let row = 0; row < samples; row++) {
          const isEvent = labels ? labels[row] !== 0 : told.float[row];
          for (const model of ['float', 'quantized'] as const) {
            const key = isEvent
              ? told[model][row]
                ? 'hits'
                : 'misses'
              : told[model][row]
                ? 'alarms'
                : 'quiet';
            all[model][key]++;
          }
        }
        return undefined;
      },
      result() {
        const of = (read: (counts: ReturnType<typeof make>) => number) => ({
          float: read(all.float),
          quantized: read(all.quantized),
        });
        return {
          hit_rate: of(({ hits, misses }) => hits / (hits + misses)),
          false_alarm_rate: of(({ alarms, quiet }) => alarms / (alarms + quiet)),
          misses: of(({ misses }) => misses),
          events: of(({ hits, alarms }) => hits + alarms),
        };
      },
    };
  },
  meaning({ hit_rate: hits, false_alarm_rate: alarms }) {
    const of = (numbers: typeof hits) =>
      numbers && numbers.quantized !== null && numbers.float !== null
        ? `${percent(numbers.quantized)}, in float ${percent(numbers.float)}`
        : undefined;
    const [told, wrong] = [of(hits), of(alarms)];
    if (told === undefined) return 'There is no event among the samples: whether one is told is not known.';
    return `Of the events ${told} are told${wrong === undefined ? '' : `; of all else ${wrong} is told as one`}.`;
  },
} as const satisfies Task;

const isScore = ({ dims, type }: MetricArray): boolean =>
  /float/.test(type) && (dims.length === 1 || (dims.length === 2 && (dims[1] ?? 0) <= 2));

function eventsOf({ dims, type, data }: MetricArray, samples: number): boolean[] {
  const values = Float64Array.from(numbersOf({ type, data }));
  if (dims[1] === 2)
    return Array.from(
      { length: samples },
      (_, i) => (values[2 * i + 1] as number) > (values[2 * i] as number),
    );
  const areLogits = values.some((value) => value < 0 || value > 1);
  return Array.from({ length: samples }, (_, i) => (values[i] as number) > (areLogits ? 0 : THRESHOLD));
}
