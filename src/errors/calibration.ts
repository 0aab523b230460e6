import { message } from './message.js';

/** Statistics, ranges and plans. */
export const calibrationErrors = {
  'statistics-format': message(
    2,
    '{path} is not a statistics file of version {version}: {reason}.',
    'Calibrate again: `quantize calibrate`.',
  ),
  'statistics-model': message(
    2,
    '{path} holds the statistics of another model, not of {model}.',
    'Calibrate this model again, with the same --equalize and --smooth: `quantize calibrate {model}`.',
  ),
  'statistics-tensor': message(
    2,
    '{path} has nothing on tensor "{tensor}", which this recipe quantizes.',
    'Calibrate again with this version of the tool, or give the samples themselves with --data instead of --stats.',
  ),
  'statistics-part': message(
    2,
    '{path} is shard {index} of {count}, not the whole.',
    'Merge the shards first: `quantize merge … -o all.json`.',
  ),
  'statistics-differ': message(
    2,
    '{path} and {other} are not of one calibration: they differ in {what}.',
    'Merge shards that were made with the same model, data and options, and only --shard different.',
  ),
  'statistics-shards': message(2, 'The shards do not make a whole: {problem}.', '{mend}'),
  'bad-values': message(
    2,
    'Tensor "{tensor}" has {problem} on the calibration samples.',
    'Check the samples and the preprocessing, or keep the layer in float with --exclude "{layer}".',
  ),
  'no-data-free-range': message(
    2,
    'Without samples nothing tells the range of tensor "{tensor}": no BatchNormalization reaches it, or the range of the input is not known.',
    "Give the input's range with --input-range or --preprocess, samples with --data, or keep the layer in float with --exclude.",
  ),
  'plan-format': message(
    2,
    '{path} is no sound plan: {reason}.',
    'Save it again: `quantize MODEL … --save-plan {path}`.',
  ),
  'plan-model': message(
    2,
    '{path} is the plan of another model, or of another version of it.',
    'Give the model that it was saved for, or make the plan again with --save-plan.',
  ),
};
