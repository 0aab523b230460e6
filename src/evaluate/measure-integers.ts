import type { BatchRows, SampleSource } from '../../calibration/source.js';
import type { Model } from '../graph/model.js';
import type { Codes, IntegerProgram } from '../integer/program.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { SessionSettings } from '../runtime/session.js';
import { type Drift, DriftMeter, judgedOutput } from './drift.js';
import { withIntegers } from './integer-runner.js';
import type { Runner } from './recording.js';
import { type TaskAccuracy, TaskMeter } from './task-accuracy.js';

/** Codes compared one by one. */
export interface CodeDifference {
  readonly elements: number;
  readonly different: number;
  /** The farthest two are apart, in codes. */
  readonly most: number;
}

/** An operator of a network in integers against onnxruntime's. */
export interface OperatorDifference {
  readonly id: string;
  readonly operator: string;
  /** On the codes that onnxruntime has there: what rounding alone makes of it. */
  readonly alone: CodeDifference;
  /** In the network, where what differs before is carried on. */
  readonly network: CodeDifference;
}

/** What two models give, compared output by output. */
export interface SideBySide {
  readonly outputs: readonly { readonly name: string; readonly drift: Drift }[];
  /** Null without labels. */
  readonly task: TaskAccuracy | null;
}

/** A network in integers alone against the model in onnxruntime. */
export interface MeasuredIntegers {
  readonly samples: number;
  /** Those that operators were also compared on alone. */
  readonly samplesAlone: number;
  readonly operators: readonly OperatorDifference[];
  /** The model in onnxruntime against the integers, and float against both, where there is a float model. */
  readonly quantized: SideBySide;
  readonly float: { readonly quantized: SideBySide; readonly integers: SideBySide } | null;
}

/** Each operator by itself is told well by so many. */
const SAMPLES_ALONE = 32;

/**
 * Run the samples through the model in onnxruntime and through its integers, and compare all codes.
 *
 * @param float - runs the float model, where there is one
 */
export async function measureIntegers(
  model: Model,
  program: IntegerProgram,
  {
    source,
    labels,
    float,
  }: { source: SampleSource; labels: readonly number[] | undefined; float?: Runner | undefined },
  settings: SessionSettings,
): Promise<MeasuredIntegers> {
  const tallies = program.operators.map(() => ({ alone: new Tally(), network: new Tally() }));
  const meters = {
    quantized: new SideMeter(labels),
    floatQuantized: new SideMeter(labels),
    floatIntegers: new SideMeter(labels),
  };
  let [samples, samplesAlone] = [0, 0];
  await withIntegers(model, program, settings, async (runner) => {
    for await (const batch of source.open()) {
      const integers = await runner.run(batch.feed);
      const { seen, values } = runner;
      const isAlone = samplesAlone < SAMPLES_ALONE;
      program.operators.forEach(({ inputs, outputs, run }, i) => {
        const tally = tallies[i] as (typeof tallies)[number];
        const read = inputs.map(({ name }) => seen.codes.get(name) ?? program.constants.get(name));
        const alone = isAlone && read.every((codes) => codes !== undefined) ? run(read as Codes[]) : [];
        outputs.forEach(({ name }, at) => {
          const theirs = seen.codes.get(name);
          if (!theirs) return;
          tally.network.add(values.get(name), theirs);
          if (alone[at]) tally.alone.add(alone[at], theirs);
        });
      });
      const place = { batch, first: samples };
      meters.quantized.add(seen.outputs, integers, place);
      if (float) {
        const reference = await float.run(batch.feed);
        meters.floatQuantized.add(reference, seen.outputs, place);
        meters.floatIntegers.add(reference, integers, place);
      }
      samples += batch.samples;
      if (isAlone) samplesAlone += batch.samples;
    }
  });
  const operators = program.operators.map(({ id, operator }, i) => {
    const tally = tallies[i] as (typeof tallies)[number];
    return { id, operator, alone: tally.alone.difference, network: tally.network.difference };
  });
  const compared = { quantized: meters.floatQuantized.found, integers: meters.floatIntegers.found };
  return {
    samples,
    samplesAlone,
    operators,
    quantized: meters.quantized.found,
    float: float ? compared : null,
  };
}

/** Counts codes that differ. */
class Tally {
  #elements = 0;
  #different = 0;
  #most = 0;

  add(own: Codes | undefined, { data }: Codes): void {
    if (!own) return;
    this.#elements += data.length;
    for (let i = 0; i < data.length; i++) {
      const distance = Math.abs((own.data[i] as number) - (data[i] as number));
      if (distance === 0) continue;
      this.#different++;
      if (distance > this.#most) this.#most = distance;
    }
  }

  get difference(): CodeDifference {
    return { elements: this.#elements, different: this.#different, most: this.#most };
  }
}

type Outputs = ReadonlyMap<string, NdArray>;

/** Compares two models' outputs. */
class SideMeter {
  readonly #meters = new Map<string, DriftMeter>();
  readonly #task: TaskMeter | undefined;

  constructor(labels: readonly number[] | undefined) {
    this.#task = labels && new TaskMeter(labels);
  }

  add(reference: Outputs, other: Outputs, { batch, first }: { batch: BatchRows; first: number }): void {
    for (const [name, array] of reference) {
      const found = other.get(name);
      if (!found) continue;
      const meter = this.#meters.get(name) ?? new DriftMeter(judgedOutput);
      this.#meters.set(name, meter);
      meter.add(array, found, batch);
      this.#task?.add(name, array, found, batch, first);
    }
  }

  get found(): SideBySide {
    const outputs = [...this.#meters].map(([name, { drift }]) => ({ name, drift }));
    return { outputs, task: this.#task?.accuracy ?? null };
  }
}
