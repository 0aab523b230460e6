import { message } from './message.js';

/** Samples, labels and metrics. */
export const dataErrors = {
  'data-format': message(2, '{path}: {reason}.', '{mend}'),
  'tokenizer-missing': message(
    2,
    '{path} is text, which a model takes as the numbers of its tokens.',
    "Give the folder of the model's tokenizer, where its tokenizer.json is, with --tokenizer.",
  ),
  'data-needs-preprocess': message(
    2,
    '{path} holds {type} values, but the model input "{input}" takes float32: say how they are normalized.',
    'Add `--preprocess imagenet` ((x/255 − mean)/std), `--preprocess unit` (0 to 1), `--scale … --mean … --std …`, or `--preprocess none` for the raw values.',
  ),
  'data-shape': message(
    2,
    '{path}: a sample of shape [{found}] does not fit the model input "{input}", which takes samples of [{expected}].',
    '{mend}',
  ),
  'data-unreadable': message(
    2,
    '{count} of {total} samples of {path} cannot be read, more than a tenth: {named}.',
    'Remove or mend these files; a few would be left out with a warning.',
  ),
  'size-missing': message(
    2,
    'The model input "{input}" takes samples of [{expected}], which does not say how large the images of {path} become.',
    'Say it with --size HxW, as --size 224x224.',
  ),
  'size-fixed': message(
    2,
    'The model input "{input}" takes samples of [{expected}], so the images of {path} cannot have the size of --size.',
    'Leave out --size.',
  ),
  'module-failed': message(
    2,
    '{path} failed while it made samples: {reason}.',
    'This is an error of the module itself; run it with node to see where.',
  ),
  'module-ended': message(
    2,
    '{path} failed: {reason}.',
    'This is an error of the module itself; run it with node to see where.',
  ),
  'module-once': message(
    2,
    '{path} exports samples that can be read only once, and they are too many to keep.',
    'Export the function that makes them: `export default async function* () { … }`.',
  ),
  'module-sample': message(
    2,
    '{path} has no array for the model input "{input}"; it has: {found}.',
    'A sample is a record { input: { data, dims } } with typed arrays, or a typed array where there is one input.',
  ),
  'synthetic-large': message(
    2,
    'Random input for "{input}" would have the shape [{shape}], where {limit} elements are the limit.',
    'Give samples with --data or --eval-data, or say its shape with --shape.',
  ),
  'synthetic-failed': message(
    2,
    'The model runs on no random input that was tried ({tried}): {reason}.',
    'Give real samples with --eval-data, or with --data to calibrate on them too, or the shapes with --shape input=1x3x480x480.',
  ),
  'data-empty': message(2, '{path} holds no samples.', 'Give a file with at least one.'),
  'data-type': message(
    2,
    '{path} holds {type} values, but the model input "{input}" takes {expected}.',
    'Save the samples as {expected}.',
  ),
  'data-one-input': message(
    2,
    '{path} holds one array, but the model takes {count} inputs ({names}).',
    'Give each its own with --data {first}={path}, or all of them by name in a .npz file.',
  ),
  'data-input-missing': message(
    2,
    '{path} has no array "{input}" for that input of the model; it has: {found}.',
    'Save the arrays under the names of the inputs: numpy.savez(path, name=array, …).',
  ),
  'text-input-unknown': message(
    2,
    '{path} is text, and the input "{input}" is nothing that a tokenizer makes of it: {found}.',
    'Export the model with one of those names, or give its inputs as arrays under their names, in a .npz file.',
  ),
  'data-lengths': message(
    2,
    '{first} holds {found} samples and {second} {other}, where each sample needs all inputs.',
    'Give the same number of samples for every input; whole inputs, one after the other with a batch of 1 in each, are read the same whatever their axes mean.',
  ),
  'labels-mismatch': message(
    2,
    '{path} holds {found} labels for {expected} samples.',
    'Give the labels that belong to the samples measured on, one for each, in the same order.',
  ),
  'labels-outside': message(
    2,
    'The label of sample {sample} is {label}, where output "{output}" has {classes} classes, from 0 on.',
    'Give the index of each class; labels that count from 1 are one too large.',
  ),
  'labels-unmatched': message(
    2,
    '{path} has no label for the sample {sample}.',
    'Give a row `file,class` for every image, with its path in the folder or its name alone.',
  ),
  'labels-need-files': message(
    2,
    '{labels} names files, but the samples of {path} are no image files.',
    'Give one class a sample, in their order.',
  ),
  'labels-need-classes': message(
    2,
    '--labels needs an output of shape [N, classes]; this model has {outputs}.',
    'Leave out --labels.',
  ),
  'metric-failed': message(
    2,
    '{path} failed in {step}: {reason}.',
    'This is an error of the metric module itself; run it with node to see where.',
  ),
  'metric-contract': message(
    2,
    '{path} is no metric: its default export is {found}.',
    'Export an object with add({ outputs, labels, index }) and result(), or a function that returns one.',
  ),
  'metric-result': message(
    2,
    '{path} gives {found} where result() must give a record of name → { float, quantized } or a number.',
    'Return an object, as { iou: { float: 0.71, quantized: 0.7 } }.',
  ),
};
