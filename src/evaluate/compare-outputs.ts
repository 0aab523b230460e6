import type { Batch, SampleSource } from '../../calibration/source.js';
import type { NdArray } from '../numerics/nd-array.js';
import { argmax, type Drift, DriftMeter, isClassScores, rowsOf } from './drift.js';
import type { Runner } from './recording.js';

/** The three runs of every sample: the float model, the file as its users run it, and the quantization as it is written. */
export interface ComparedSessions {
  readonly float: Runner;
  readonly deployed: Runner;
  readonly exact: Runner;
}

/** Drift of one output. */
export interface OutputDrift {
  readonly name: string;
  /** In a default session: integer kernels. */
  readonly deployed: Drift;
  /** Without integer kernels: the error of the quantization alone. */
  readonly exact: Drift;
  /** What the integer kernels add: from the exact session to the deployed one, on the same samples as `exact`. */
  readonly kernels: Drift;
}

/** Top-1 accuracy of both models, as shares of the samples. */
export interface TaskAccuracy {
  readonly output: string;
  readonly samples: number;
  readonly float: number;
  readonly quantized: number;
}

/** A batch, and what two models made of it. */
export interface ComparedBatch extends Batch {
  /** Place of its first sample among all. */
  readonly first: number;
  readonly float: ReadonlyMap<string, NdArray>;
  readonly quantized: ReadonlyMap<string, NdArray>;
}

/** Samples beyond this many are run in the float and the deployed session only: the error without integer kernels is a
 * mean over every element, and settles soon. */
export const EXACT_SAMPLES = 128;

/**
 * Run every sample through the three sessions and measure how far the outputs part.
 *
 * @param labels - the class of each sample; without them no accuracy
 * @param watch - sees every batch in the float and the deployed session
 */
export async function compareOutputs(
  source: SampleSource,
  sessions: ComparedSessions,
  labels: readonly number[] | undefined,
  watch?: (compared: ComparedBatch) => void,
): Promise<{ outputs: OutputDrift[]; task: TaskAccuracy | undefined }> {
  const names = sessions.float.outputNames;
  const meters = names.map((name) => ({
    name,
    deployed: new DriftMeter(),
    exact: new DriftMeter(),
    kernels: new DriftMeter(),
  }));
  const tally = { output: '', samples: 0, float: 0, quantized: 0 };
  let done = 0;
  for await (const batch of source.open()) {
    const { feed, samples } = batch;
    const reference = await sessions.float.run(feed);
    const deployed = await sessions.deployed.run(feed);
    watch?.({ ...batch, first: done, float: reference, quantized: deployed });
    const exact = done < EXACT_SAMPLES ? await sessions.exact.run(feed) : undefined;
    for (const meter of meters) {
      const a = reference.get(meter.name);
      const b = deployed.get(meter.name);
      const c = exact?.get(meter.name);
      if (a && b) meter.deployed.add(a, b, batch);
      if (a && c) meter.exact.add(a, c, batch);
      if (b && c) meter.kernels.add(c, b, batch);
      if (!a || !b || !labels || !isClassScores(a, batch) || (tally.output && tally.output !== meter.name))
        continue;
      // The first output of class scores is the one that is graded.
      tally.output = meter.name;
      const classes = a.dims[1] ?? 1;
      const [scores, quantized] = [rowsOf(a, batch), rowsOf(b, batch)];
      for (let row = 0; row < samples; row++) {
        const label = labels[done + row];
        if (argmax(scores, row * classes, classes) === label) tally.float++;
        if (argmax(quantized, row * classes, classes) === label) tally.quantized++;
      }
      tally.samples += samples;
    }
    done += samples;
  }
  const outputs = meters.map(({ name, deployed, exact, kernels }) => ({
    name,
    deployed: deployed.drift,
    exact: exact.drift,
    kernels: kernels.drift,
  }));
  const { output, samples } = tally;
  const task = output
    ? { output, samples, float: tally.float / samples, quantized: tally.quantized / samples }
    : undefined;
  return { outputs, task };
}
