import type { Preprocess } from '../calibration/preprocess.js';
import type { Recipe } from './recipe.js';

/**
 * One path, or several: `input=path` provides one input of the model, any other path provides the inputs that are not
 * named so; several of those follow one another.
 */
export type Paths = string | readonly string[];

/** Where the samples come from, and how they become inputs. */
export interface DataOptions {
  /** Calibration samples. Without them weights alone are quantized. */
  readonly data?: Paths | undefined;
  /** Samples to measure on; the calibration samples without them. */
  readonly evalData?: Paths | undefined;
  /** The class of each sample to measure on. */
  readonly labels?: string | undefined;
  /** How integer samples are normalized and laid out; needed where the model takes floats. */
  readonly preprocess?: Preprocess | undefined;
  /** Calibrate on at most this many samples, chosen by `seed`. */
  readonly samples?: number | undefined;
  /** Seed of the choice of samples and of synthetic input; 0 by default. */
  readonly seed?: number | undefined;
}

/** What a run of the main job is asked for. */
export interface QuantizeOptions extends DataOptions {
  /** Path of the float model. */
  readonly model: string;
  /** Path of the quantized model; by default beside the input, as `model.minmax-w8a8.onnx`. */
  readonly output?: string | undefined;
  readonly recipe?: Partial<Recipe> | undefined;
  /** Threads inside an operator where models are compared; all cores by default. The written file does not depend on it. */
  readonly threads?: number | undefined;
  /** Told when a step begins. */
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What `inspect` is asked for. */
export interface InspectOptions {
  /** Path of the float model. */
  readonly model: string;
  readonly recipe?: Partial<Recipe> | undefined;
}
