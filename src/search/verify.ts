import type { SampleSource } from '../../calibration/source.js';
import { THREADS } from '../calibrate/session-threads.js';
import { argmax, DriftMeter, isClassScores, judgedOutput, rowsOf, worstDb } from '../evaluate/drift.js';
import type { TrialSettings } from '../evaluate/measure-trials.js';
import type { Runner } from '../evaluate/recording.js';
import { withSession } from '../runtime/session.js';

/** What a quantized model does on some samples. */
export interface Quality {
  readonly samples: number;
  /** SQNR of the output where it is lowest; null where nothing differs. */
  readonly sqnrDb: number | null;
  /** Share of samples by which top-1 accuracy falls; null without labels, and where no output holds class scores. */
  readonly drop: number | null;
  /** Standard error of `drop` over samples like these. */
  readonly dropError: number;
  /** Share of samples that keep their class; null where no output holds class scores. */
  readonly agreement: number | null;
}

/**
 * Run a quantized model in a default session, against what the float model gave.
 *
 * @param float - gives the float model's outputs, batch by batch
 * @param labels - the class of each sample
 */
export async function measureQuality(
  bytes: Uint8Array,
  float: Runner,
  source: SampleSource,
  labels: readonly number[] | undefined,
  { provider, pause, progress }: TrialSettings = {},
): Promise<Quality> {
  const settings = { mode: 'default', threads: THREADS, provider, label: 'the quantized model' } as const;
  return withSession(bytes, settings, async (session) => {
    const meters = new Map(float.outputNames.map((name) => [name, new DriftMeter(judgedOutput)]));
    const tally: Tally = { output: undefined, samples: 0, lost: 0, gained: 0, changed: 0 };
    let done = 0;
    for await (const batch of source.open()) {
      await pause?.();
      const [a, b] = [await float.run(batch.feed), await session.run(batch.feed)];
      for (const [name, meter] of meters) {
        const [x, y] = [a.get(name), b.get(name)];
        if (!x?.type.startsWith('float') || !y) continue;
        meter.add(x, y, batch);
        if (!isClassScores(x, batch) || (tally.output ?? name) !== name) continue;
        tally.output = name;
        const classes = x.dims[1] ?? 1;
        count(
          tally,
          [rowsOf(x, batch), rowsOf(y, batch)],
          classes,
          labels?.slice(done, done + batch.samples),
        );
      }
      done += batch.samples;
      progress?.(done, source.length);
    }
    return { ...qualityOf(tally, labels !== undefined), samples: done, sqnrDb: lowest([...meters.values()]) };
  });
}

/** What became of the samples' classes. */
interface Tally {
  /** The output that is graded: the first of class scores. */
  output: string | undefined;
  samples: number;
  /** Right in float only. */
  lost: number;
  /** Right in the quantized model only. */
  gained: number;
  changed: number;
}

function count(
  tally: Tally,
  [x, y]: readonly [ArrayLike<number>, ArrayLike<number>],
  classes: number,
  labels: readonly number[] | undefined,
): void {
  for (let row = 0; row * classes < x.length; row++) {
    const [float, quantized] = [argmax(x, row * classes, classes), argmax(y, row * classes, classes)];
    const label = labels?.[row];
    tally.samples++;
    if (float !== quantized) tally.changed++;
    if (float === label && quantized !== label) tally.lost++;
    if (float !== label && quantized === label) tally.gained++;
  }
}

function qualityOf({ samples, lost, gained, changed }: Tally, hasLabels: boolean): Omit<Quality, 'sqnrDb'> {
  if (samples === 0) return { samples, drop: null, dropError: 0, agreement: null };
  const agreement = 1 - changed / samples;
  if (!hasLabels) return { samples, drop: null, dropError: 0, agreement };
  const drop = (lost - gained) / samples;
  // Of n pairs that each differ by −1, 0 or 1: variance of the mean (McNemar 1947).
  const variance = ((lost + gained) / samples - drop ** 2) / samples;
  return { samples, drop, dropError: Math.sqrt(variance), agreement };
}

/** The lowest SQNR; an output that is not finite where it should be has none at all. */
function lowest(meters: readonly DriftMeter[]): number | null {
  const measured = meters.flatMap(({ drift }) => {
    if (drift.nonFiniteMismatches > 0 || drift.shapeMismatches > 0) return [Number.NEGATIVE_INFINITY];
    return worstDb(drift) ?? [];
  });
  return measured.length === 0 ? null : Math.min(...measured);
}
